using System.Collections.Immutable;
using System.Globalization;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies.Keys;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Reading;

/// <summary>Finds the keys that a policy file sets. Strict: what it does not know, it refuses.</summary>
internal sealed class PolicyReader
{
    private readonly PolicySource _source;
    private readonly Dictionary<PolicyKey, PolicySetting> _settings = [];

    private PolicyReader(PolicySource source) => _source = source;

    /// <summary>Reads the keys of a JSON text, in its order.</summary>
    /// <exception cref="ConfigurationException">The text is malformed or holds what no policy has.</exception>
    public static ImmutableArray<PolicySetting> Read(byte[] utf8, PolicySource source)
    {
        PolicyNode root = PolicyDocument.Parse(utf8, source);
        if (root.Kind != PolicyNodeKind.Object)
        {
            throw source.Error(root.Position, $"A policy is a JSON object, but this is {root.Describe()}; begin the file with '{{'.");
        }

        PolicyReader reader = new(source);
        reader.ReadMembers(root, section: null);
        return [.. reader._settings.Values];
    }

    /// <summary>Reads the keys of a file.</summary>
    /// <param name="file">The file as the user named it.</param>
    /// <param name="baseDirectory">What a relative <paramref name="file"/> starts from.</param>
    public static ImmutableArray<PolicySetting> ReadFile(string file, string baseDirectory)
    {
        PolicySource source = PolicySource.FromFile(file);
        try
        {
            string path = Path.GetFullPath(file, baseDirectory);
            if (!File.Exists(path))
            {
                throw source.Error(
                    default,
                    Directory.Exists(path)
                        ? $"The policy file '{QuotedText.Of(file)}' is a folder; name the file in it."
                        : $"The policy file '{QuotedText.Of(file)}' does not exist; correct the path, which starts from '{QuotedText.Of(baseDirectory)}' where it is relative."
                );
            }

            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return Read(ReadBounded(stream, source), source);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw source.Error(default, $"The policy file '{QuotedText.Of(file)}' cannot be read: {QuotedText.Of(e.Message)}");
        }
    }

    /// <summary>Reads at most one byte more than is allowed, whatever length the file claims.</summary>
    private static byte[] ReadBounded(FileStream stream, PolicySource source)
    {
        byte[] buffer = new byte[PolicyDocument.MaxBytes + 1];
        int length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        return length <= PolicyDocument.MaxBytes
            ? buffer[..length]
            : throw source.Error(
                default,
                $"The policy file '{QuotedText.Of(source.File!)}' is larger than 1 MiB; a policy needs a few KiB, name another file."
            );
    }

    private void ReadMembers(PolicyNode node, PolicySection? section)
    {
        foreach (PolicyMember member in node.Members)
        {
            if (section is null && member.Name == "$schema")
            {
                continue;
            }

            string name = section is null ? member.Name : $"{section.Name}.{member.Name}";
            if (PolicyKeys.Find(name) is { } key && key.Section == section?.Name)
            {
                Add(new PolicySetting(key, member.Name, member.NamePosition, member.Value, _source));
            }
            else if (section is null && PolicyKeys.Sections.FirstOrDefault(known => known.Name == member.Name) is { } found)
            {
                if (member.Value.Kind != PolicyNodeKind.Object)
                {
                    throw _source.Error(member.Value.Position, $"'{found.Name}' must be an object, but is {member.Value.Describe()}.");
                }

                ReadMembers(member.Value, found);
            }
            else
            {
                throw Unknown(member, section);
            }
        }
    }

    private void Add(PolicySetting setting)
    {
        if (!_settings.TryAdd(setting.Key, setting))
        {
            PolicySetting first = _settings[setting.Key];
            throw _source.Error(
                setting.Position,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'{setting.TypedName}' is another name of '{first.TypedName}', which is set on line {first.Position.Line}; keep one of them."
                )
            );
        }
    }

    private ConfigurationException Unknown(PolicyMember member, PolicySection? section)
    {
        string place = section is null ? "at the top level" : $"in '{section.Name}'";
        string name = QuotedText.Of(member.Name);
        return _source.Error(
            member.NamePosition,
            NeverAvailable.Instead(member.Name) is { } instead
                ? $"Key '{name}' {place} is never available, since it would weaken the sandbox; {instead}."
                : $"Unknown key '{name}' {place}; {Suggestion(member.Name, section)}."
        );
    }

    private static string Suggestion(string name, PolicySection? section)
    {
        // A key in the wrong place is likelier than a misspelt one.
        string simple = NearestName.Simplified(name);
        if (
            PolicyKeys.All.FirstOrDefault(key =>
                NearestName.Simplified(key.LeafName) == simple || NearestName.Simplified(key.Name) == simple
            ) is
            { } misplaced
        )
        {
            return misplaced.Section == section?.Name ? $"did you mean '{misplaced.LeafName}'"
                : misplaced.Section is null ? $"'{misplaced.LeafName}' belongs at the top level"
                : $"'{misplaced.LeafName}' belongs in '{misplaced.Section}'";
        }

        string[] here =
        [
            .. PolicyKeys.All.Where(key => key.Section == section?.Name).Select(key => key.LeafName),
            .. section is null ? PolicyKeys.Sections.Select(known => known.Name) : [],
        ];
        return NearestName.Find(name, here) is { } nearest ? $"did you mean '{nearest}'"
            : section is null ? "'isolated-agents policy schema' prints the known keys"
            : $"it holds {Words.Either(here).Replace(" or ", " and ", StringComparison.Ordinal)}";
    }
}
