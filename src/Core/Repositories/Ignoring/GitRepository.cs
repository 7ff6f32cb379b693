using System.Collections.Frozen;
using IsolatedAgents.Platform.Files;

namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>A repository that holds a part of the workspace, or all of it, as it is on this machine. No program is run to look at it.</summary>
internal sealed class GitRepository
{
    private const string GitName = ".git";
    private const string Pointer = "gitdir:";
    private const int MaxPointerBytes = 4096;

    // A reader that gives up must ignore all: whatever it is for then counts as ignored.
    private static readonly byte[] IgnoreAll = "*\n"u8.ToArray();

    private GitRepository(string root, string gitFolder, FrozenDictionary<string, string> environment)
    {
        Root = root;
        string common = ReadLine(Path.Combine(gitFolder, "commondir")) is { } path ? Path.GetFullPath(path, gitFolder) : gitFolder;
        CommonFolder = common;
        GitSettings settings = Settings(gitFolder, common, environment);
        IgnoresCase = settings.IgnoresCase;
        IsSha256 = settings.IsSha256;
        Index = GitIndex.Read(Path.Combine(gitFolder, "index"), settings.IsSha256);
        string? home = environment.GetValueOrDefault("HOME") ?? environment.GetValueOrDefault("USERPROFILE");
        string? excludes = settings.ExcludesFile
            ?? (environment.GetValueOrDefault("XDG_CONFIG_HOME") is { Length: > 0 } folder ? Path.Combine(folder, "git", "ignore") : home is null ? null : Path.Combine(home, ".config", "git", "ignore"));
        Excludes =
        [
            .. new[] { Path.Combine(common, "info", "exclude"), excludes is { Length: > 0 } ? Path.GetFullPath(excludes, root) : null }
                .OfType<string>().Select(file => Load(file, followsLinks: true)).OfType<byte[]>().Select(content => IgnoreFile.Parse(content)),
        ];
    }

    /// <summary>Absolute host path of its files.</summary>
    public string Root { get; }

    /// <summary>Absolute host path of its objects and references, which several working trees may share.</summary>
    public string CommonFolder { get; }

    /// <summary>Whether names of its objects are SHA-256.</summary>
    public bool IsSha256 { get; }

    /// <summary>What it tracks.</summary>
    public GitIndex Index { get; }

    /// <summary>Whether git compares names there without regard to case.</summary>
    public bool IgnoresCase { get; }

    /// <summary>The patterns that stand in no folder of it, those that count first first.</summary>
    public IReadOnlyList<IgnoreFile> Excludes { get; }

    /// <summary>The repository whose files a folder's are, by that folder or one above it; null where there is none.</summary>
    public static GitRepository? Above(string folder, FrozenDictionary<string, string> environment)
    {
        for (string? at = folder; at is not null; at = Path.GetDirectoryName(at))
        {
            if (Of(at, environment) is { } repository)
            {
                return repository;
            }
        }

        return null;
    }

    /// <summary>The repository whose files begin at a folder; null where none do.</summary>
    public static GitRepository? Of(string folder, FrozenDictionary<string, string> environment)
    {
        string git = Path.Combine(folder, GitName);
        try
        {
            return Directory.Exists(git) ? new GitRepository(folder, git, environment)
                : ReadLine(git) is { } line && line.StartsWith(Pointer, StringComparison.Ordinal) ? new GitRepository(folder, Path.GetFullPath(line[Pointer.Length..].Trim(), folder), environment)
                : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The patterns of a folder of it, as they are on this machine; null where there are none.</summary>
    public byte[]? LoadPatterns(string folder) => Load(Path.Combine(Root, folder, IgnoreNames.Patterns), followsLinks: false);

    private static byte[]? Load(string path, bool followsLinks)
    {
        try
        {
            FileInfo file = new(path);
            if (!file.Exists || (!followsLinks && file.LinkTarget is not null) || FileIdentity.IsSpecial(path))
            {
                return null;
            }

            return file.Length > IgnoreFile.MaxBytes ? IgnoreAll : File.ReadAllBytes(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static GitSettings Settings(string gitFolder, string common, FrozenDictionary<string, string> environment)
    {
        string? home = environment.GetValueOrDefault("HOME") ?? environment.GetValueOrDefault("USERPROFILE");
        GitSettings settings = new(home);
        string?[] files =
        [
            environment.ContainsKey("GIT_CONFIG_NOSYSTEM") ? null : environment.GetValueOrDefault("GIT_CONFIG_SYSTEM") ?? (OperatingSystem.IsWindows() ? null : "/etc/gitconfig"),
            .. environment.GetValueOrDefault("GIT_CONFIG_GLOBAL") is { } global ? [global] : UserFiles(environment, home),
            Path.Combine(common, "config"),
            Path.Combine(gitFolder, "config.worktree"),
        ];
        foreach (string file in files.OfType<string>().Where(file => file.Length > 0))
        {
            settings.Read(file);
        }

        return settings;
    }

    private static string?[] UserFiles(FrozenDictionary<string, string> environment, string? home) =>
    [
        environment.GetValueOrDefault("XDG_CONFIG_HOME") is { Length: > 0 } folder ? Path.Combine(folder, "git", "config") : home is null ? null : Path.Combine(home, ".config", "git", "config"),
        home is null ? null : Path.Combine(home, ".gitconfig"),
    ];

    private static string? ReadLine(string path)
    {
        FileInfo file = new(path);
        return file is { Exists: true, Length: <= MaxPointerBytes } && !FileIdentity.IsSpecial(path) ? File.ReadAllText(path).Trim() : null;
    }
}

/// <summary>Names of files that git reads.</summary>
internal static class IgnoreNames
{
    /// <summary>Patterns of what is ignored.</summary>
    public const string Patterns = ".gitignore";
}
