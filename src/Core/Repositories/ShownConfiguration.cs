using System.IO.Enumeration;
using System.Text;

namespace IsolatedAgents.Repositories;

/// <summary>
/// A git configuration file that an agent is shown in place of one with credentials: checkout steps of build hosts leave tokens there.
/// </summary>
/// <param name="Path">Absolute path of the file on this machine.</param>
/// <param name="Content">What is shown.</param>
internal sealed record ShownConfiguration(string Path, byte[] Content)
{
    private const int MaxBytes = 1024 * 1024;
    private const int MaxFiles = 1000;
    private const int MaxDepth = 8;
    private const string WorktreeName = "config.worktree";

    /// <summary>Whether the file lies in a folder.</summary>
    public bool IsBelow(string folder) =>
        Path.StartsWith(
            System.IO.Path.TrimEndingDirectorySeparator(folder) + System.IO.Path.DirectorySeparatorChar,
            StringComparison.Ordinal
        );

    /// <summary>
    /// The files below a folder that hold credentials, each with what is shown instead: of every repository there, at whatever depth, with
    /// its submodules, other work trees and included files.
    /// </summary>
    /// <param name="folder">Absolute path of a folder that is shown.</param>
    public static IReadOnlyList<ShownConfiguration> FindIn(string folder)
    {
        Dictionary<string, ShownConfiguration?> found = new(StringComparer.Ordinal);
        string root = System.IO.Path.TrimEndingDirectorySeparator(folder);
        foreach (string repository in Repositories(root))
        {
            AddRepository(root, repository, found, 0);
        }

        return [.. found.Values.OfType<ShownConfiguration>()];
    }

    /// <summary>The text without credentials; the very text where it holds none.</summary>
    /// <param name="text">A configuration file, each byte as one character.</param>
    public static string WithoutCredentials(string text) => WithoutCredentials(text, [.. new ConfigurationReader(text).Read()]);

    private static string WithoutCredentials(string text, ConfigurationEntry[] entries)
    {
        ConfigurationEntry[] plain = [.. entries.Where(entry => !entry.IsCredential).Select(entry => entry.WithoutUserInformation())];
        if (plain.SequenceEqual(entries) && !MayHideMore(text))
        {
            return text;
        }

        StringBuilder shown = new();
        ConfigurationEntry? before = null;
        foreach (ConfigurationEntry entry in plain)
        {
            if (before is null || before.Section != entry.Section || before.Subsection != entry.Subsection)
            {
                shown.Append(entry.ToHead());
            }

            shown.Append(entry.ToLine());
            before = entry;
        }

        return shown.ToString();
    }

    // A comment, or what git would not read, may hold an old token.
    private static bool MayHideMore(string text) =>
        text.AsSpan().ContainsAny('#', ';')
        || text.Contains("extraheader", StringComparison.OrdinalIgnoreCase)
        || text.Contains('@', StringComparison.Ordinal);

    // A repository is what has this file, whatever its folder is called. Only names are looked at, which costs little where there are many.
    private static FileSystemEnumerable<string> Repositories(string root)
    {
        EnumerationOptions options = new()
        {
            RecurseSubdirectories = true,
            IgnoreInaccessible = true,
            AttributesToSkip = FileAttributes.None,
            ReturnSpecialDirectories = false,
        };
        return new FileSystemEnumerable<string>(root, static (ref FileSystemEntry entry) => entry.Directory.ToString(), options)
        {
            ShouldIncludePredicate = static (ref FileSystemEntry entry) => !entry.IsDirectory && entry.FileName.SequenceEqual("HEAD"),
            ShouldRecursePredicate = static (ref FileSystemEntry entry) =>
                !(entry.FileName.SequenceEqual("objects") && entry.Directory.EndsWith(".git"))
                && (entry.Attributes & FileAttributes.ReparsePoint) == 0,
        };
    }

    private static void AddRepository(string root, string repository, Dictionary<string, ShownConfiguration?> found, int depth)
    {
        foreach (string name in FilesIn(repository).Where(IsConfiguration))
        {
            Add(root, name, found, depth);
        }

        foreach (
            string store in FilesIn(repository)
                .Where(name => System.IO.Path.GetFileName(name).Contains("credentials", StringComparison.OrdinalIgnoreCase))
        )
        {
            // The file of git's own store: addresses with passwords, and nothing else.
            found.TryAdd(store, new ShownConfiguration(store, []));
        }

        foreach (string worktree in FoldersIn(System.IO.Path.Combine(repository, "worktrees")))
        {
            Add(root, System.IO.Path.Combine(worktree, WorktreeName), found, depth);
        }

        AddModules(root, System.IO.Path.Combine(repository, "modules"), found, depth);
    }

    // A submodule's name may have slashes.
    private static void AddModules(string root, string folder, Dictionary<string, ShownConfiguration?> found, int depth)
    {
        foreach (string module in depth < MaxDepth ? FoldersIn(folder) : [])
        {
            if (File.Exists(System.IO.Path.Combine(module, "HEAD")))
            {
                AddRepository(root, module, found, depth + 1);
            }
            else
            {
                AddModules(root, module, found, depth + 1);
            }
        }
    }

    // Copies that somebody keeps beside it are among them.
    private static bool IsConfiguration(string path) =>
        System.IO.Path.GetFileName(path).StartsWith("config", StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<string> FilesIn(string folder)
    {
        try
        {
            return Directory.Exists(folder) ? [.. Directory.EnumerateFiles(folder).Take(MaxFiles)] : [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static IEnumerable<string> FoldersIn(string folder)
    {
        try
        {
            return Directory.Exists(folder) ? [.. Directory.EnumerateDirectories(folder).Take(MaxFiles)] : [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static void Add(string root, string path, Dictionary<string, ShownConfiguration?> found, int depth)
    {
        // What lies elsewhere is not shown.
        if (
            depth > MaxDepth
            || found.ContainsKey(path)
            || !path.StartsWith(root + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal)
            || new FileInfo(path) is not { Exists: true } file
        )
        {
            return;
        }

        if (file.LinkTarget is not null)
        {
            // A link is shown as what it is; what it leads to is a file like any other.
            if (file.ResolveLinkTarget(returnFinalTarget: true) is { } target)
            {
                Add(root, target.FullName, found, depth + 1);
            }

            return;
        }

        string text;
        try
        {
            text = file.Length <= MaxBytes ? Encoding.Latin1.GetString(File.ReadAllBytes(path)) : "";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // What nobody could look at is not shown.
            text = "";
        }

        ConfigurationEntry[] entries = [.. new ConfigurationReader(text).Read()];
        string shown = WithoutCredentials(text, entries);
        found[path] =
            ReferenceEquals(shown, text) && text.Length > 0 ? null : new ShownConfiguration(path, Encoding.Latin1.GetBytes(shown));
        foreach (
            ConfigurationEntry include in entries.Where(entry =>
                entry is { Section: "include" or "includeif", Key: "path", Value.Length: > 0 }
            )
        )
        {
            Add(root, System.IO.Path.GetFullPath(include.Value!, System.IO.Path.GetDirectoryName(path)!), found, depth + 1);
        }
    }
}
