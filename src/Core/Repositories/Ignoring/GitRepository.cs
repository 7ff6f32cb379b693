using System.Collections.Frozen;
using IsolatedAgents.Platform.Files;

namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>
/// A repository that holds a part of the workspace, or all of it, as it is on this machine. No program is run to look at it.
/// </summary>
internal sealed class GitRepository
{
    private const string GitName = ".git";
    private const string Pointer = "gitdir:";
    private const int MaxPointerBytes = 4096;

    // A reader that gives up must ignore all: whatever it is for then counts as ignored.
    private static readonly byte[] IgnoreAll = "*\n"u8.ToArray();
    private static readonly byte[] HideAll = "* filter=x ident text\n"u8.ToArray();

    private readonly GitSettings _settings;
    private readonly GitSettings _modules = new(home: null, followsIncludes: false);
    private readonly bool _knowsModules;

    private GitRepository(string root, string gitFolder, FrozenDictionary<string, string> environment)
    {
        Root = root;
        string common = ReadLine(Path.Combine(gitFolder, "commondir")) is { } path ? Path.GetFullPath(path, gitFolder) : gitFolder;
        CommonFolder = common;
        GitSettings settings = Settings(gitFolder, common, environment);
        _settings = settings;
        IgnoresCase = settings.IgnoresCase;
        IsSha256 = settings.IsSha256;
        Index = GitIndex.Read(Path.Combine(gitFolder, "index"), settings.IsSha256);
        string? home = environment.GetValueOrDefault("HOME") ?? environment.GetValueOrDefault("USERPROFILE");
        string? user =
            environment.GetValueOrDefault("XDG_CONFIG_HOME") is { Length: > 0 } folder ? Path.Combine(folder, "git")
            : home is null ? null
            : Path.Combine(home, ".config", "git");
        Excludes =
        [
            .. Files(settings.ExcludesFile, "exclude", "ignore")
                .Select(file => Load(file, IgnoreAll, followsLinks: true))
                .OfType<byte[]>()
                .Select(content => IgnoreFile.Parse(content)),
        ];
        string[] system = environment.ContainsKey("GIT_ATTR_NOSYSTEM") ? [] : SystemAttributes;
        Attributes =
        [
            .. Files(settings.AttributesFile, "attributes", "attributes")
                .Concat(system)
                .Select(file => Load(file, HideAll, followsLinks: true))
                .OfType<byte[]>()
                .Select(content => AttributeFile.Parse(content)),
        ];
        string modules = Path.Combine(root, GitNames.Modules);
        _knowsModules = _modules.Read(modules) && (!Index.Has(GitNames.Modules) || File.Exists(modules));

        IEnumerable<string> Files(string? configured, string ownName, string userName)
        {
            yield return Path.Combine(common, "info", ownName);
            if ((configured ?? (user is null ? null : Path.Combine(user, userName))) is { Length: > 0 } path)
            {
                yield return Path.GetFullPath(path, root);
            }
        }
    }

    // Where git was built to look for them is not told by any file.
    private static string[] SystemAttributes { get; } =
        OperatingSystem.IsWindows() ? [] : ["/etc/gitattributes", "/usr/local/etc/gitattributes", "/opt/homebrew/etc/gitattributes"];

    /// <summary>Absolute host path of its files.</summary>
    public string Root { get; }

    /// <summary>Absolute host path of its objects and references, which several working trees may share.</summary>
    public string CommonFolder { get; }

    /// <summary>Whether names of its objects are SHA-256.</summary>
    public bool IsSha256 { get; }

    /// <summary>The files that it tracks.</summary>
    public GitIndex Index { get; }

    /// <summary>Whether git compares names there without regard to case.</summary>
    public bool IgnoresCase { get; }

    /// <summary>The patterns that stand in no folder of it, those that count first first.</summary>
    public IReadOnlyList<IgnoreFile> Excludes { get; }

    /// <summary>The attributes that stand in no folder of it.</summary>
    public IReadOnlyList<AttributeFile> Attributes { get; }

    /// <summary>The parts of any file that git may not show. On Windows, git's own set-up converts line ends.</summary>
    public ContentHiding Hiding =>
        _settings.HasAttributeTree ? ContentHiding.All
        : _settings.ConvertsLineEnds || OperatingSystem.IsWindows() ? ContentHiding.LineEnds
        : ContentHiding.None;

    /// <summary>Whether git does not show that a file may be executed.</summary>
    public bool HidesModes => _settings.HidesModes;

    /// <summary>Whether git does not show new files.</summary>
    public bool HidesUntracked => _settings.HidesUntracked;

    /// <summary>Whether git does not show some or all of what changes in a submodule.</summary>
    /// <param name="path">Where that lies in the repository.</param>
    public bool HidesModule(string path) =>
        !_knowsModules
        || _settings.HidesModules
        || _settings.HiddenModules.Concat(_modules.HiddenModules).Any(name => name == path || PathsOfModule(name).Contains(path));

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
                : ReadLine(git) is { } line && line.StartsWith(Pointer, StringComparison.Ordinal)
                    ? new GitRepository(folder, Path.GetFullPath(line[Pointer.Length..].Trim(), folder), environment)
                : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The patterns of a folder of it, as they are on this machine; null where there are none.</summary>
    public byte[]? LoadPatterns(string folder) => Load(Path.Combine(Root, folder, GitNames.Patterns), IgnoreAll, followsLinks: false);

    /// <summary>The attributes of a folder of it, as they are on this machine; git takes those of the index where there are none.</summary>
    /// <param name="folder">Below its root.</param>
    /// <param name="isKnown">Whether they can be told.</param>
    public byte[]? LoadAttributes(string folder, out bool isKnown)
    {
        byte[]? content = Load(Path.Combine(Root, folder, GitNames.Attributes), HideAll, followsLinks: true);
        isKnown = content is not null || !Index.Has(folder.Length == 0 ? GitNames.Attributes : $"{folder}/{GitNames.Attributes}");
        return content;
    }

    private IEnumerable<string> PathsOfModule(string name) => _modules.PathsOfModule(name).Concat(_settings.PathsOfModule(name));

    private static byte[]? Load(string path, byte[] tooLarge, bool followsLinks)
    {
        try
        {
            FileInfo file = new(path);
            if (!file.Exists || (!followsLinks && file.LinkTarget is not null) || FileIdentity.IsSpecial(path))
            {
                return null;
            }

            return file.Length > IgnoreFile.MaxBytes ? tooLarge : File.ReadAllBytes(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static GitSettings Settings(string gitFolder, string common, FrozenDictionary<string, string> environment)
    {
        string? home = environment.GetValueOrDefault("HOME") ?? environment.GetValueOrDefault("USERPROFILE");
        GitSettings settings = new(home, followsIncludes: true);
        string?[] files =
        [
            environment.ContainsKey("GIT_CONFIG_NOSYSTEM")
                ? null
                : environment.GetValueOrDefault("GIT_CONFIG_SYSTEM") ?? (OperatingSystem.IsWindows() ? null : "/etc/gitconfig"),
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
            environment.GetValueOrDefault("XDG_CONFIG_HOME") is { Length: > 0 } folder ? Path.Combine(folder, "git", "config")
            : home is null ? null
            : Path.Combine(home, ".config", "git", "config"),
            home is null ? null : Path.Combine(home, ".gitconfig"),
        ];

    private static string? ReadLine(string path)
    {
        FileInfo file = new(path);
        return file is { Exists: true, Length: <= MaxPointerBytes } && !FileIdentity.IsSpecial(path) ? File.ReadAllText(path).Trim() : null;
    }
}
