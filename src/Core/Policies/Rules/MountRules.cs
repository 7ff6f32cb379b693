using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Rules;

/// <summary>Checks entries of <c>readonly_mounts</c>: <c>host:sandbox</c>.</summary>
internal static class MountRules
{
    /// <summary>Accepts a mount and gives the host path with all links resolved, so that what was judged is what is mounted.</summary>
    public static Checked<ReadonlyMount> Check(string entry, PolicyContext context)
    {
        if (CharacterRules.Problem(entry, allowBlanks: true) is { } problem)
        {
            return Checked<ReadonlyMount>.Refused(problem);
        }

        // The last ":/" parts the two: a Windows path holds a colon of its own.
        int separator = entry.LastIndexOf(":/", StringComparison.Ordinal);
        if (separator <= 0)
        {
            return Checked<ReadonlyMount>.Refused("a mount is written 'host:sandbox', the sandbox path absolute, such as 'data:/mnt/data'");
        }

        Checked<string> target = SandboxPathRules.CheckMountTarget(entry[(separator + 1)..]);
        if (target.Value is not { } sandboxPath)
        {
            return Checked<ReadonlyMount>.Refused(target.Problem!);
        }

        Checked<string> host = CheckHost(entry[..separator], context);
        return host.Value is { } hostPath ? new ReadonlyMount(hostPath, sandboxPath) : Checked<ReadonlyMount>.Refused(host.Problem!);
    }

    private static Checked<string> CheckHost(string text, PolicyContext context)
    {
        Checked<string> expanded = ExpandHome(text, context.HomeDirectory);
        if (expanded.Value is not { } path)
        {
            return expanded;
        }

        string lexical = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path, context.BaseDirectory));
        HostPathGuard guard = new(context.HomeDirectory);

        // As written first: the message then names the path that the user knows, whether it exists or not.
        if (guard.Problem(lexical) is { } written)
        {
            return Checked<string>.Refused(written);
        }

        string? resolved = LinkResolver.Resolve(lexical);
        if (resolved is null)
        {
            return Checked<string>.Refused(
                $"the links of the host path '{QuotedText.Of(lexical)}' cannot be followed; name the folder that is meant"
            );
        }

        if (!Path.Exists(resolved))
        {
            return Checked<string>.Refused($"the host path '{QuotedText.Of(lexical)}' does not exist; create it or leave the mount out");
        }

        return guard.Problem(resolved) is { } real ? Checked<string>.Refused(real) : resolved;
    }

    private static Checked<string> ExpandHome(string path, string? home)
    {
        if (path[0] != '~')
        {
            return path;
        }

        if (path.Length > 1 && path[1] is not ('/' or '\\'))
        {
            return Checked<string>.Refused("'~' stands for your own home alone; write the other path in full");
        }

        return home is null
            ? Checked<string>.Refused("'~' stands for a home folder, but none is known here; write the path in full")
            : Path.Join(home, path[1..]);
    }
}
