using System.Collections.Frozen;
using System.Diagnostics;
using System.Text;
using IsolatedAgents.Changes.Returning;
using IsolatedAgents.Repositories.Ignoring;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Core.Tests.Changes;

/// <summary>What this product takes for ignored is what git does: held against the real one on random trees.</summary>
[TestClass]
public sealed class IgnoreRulesTests
{
    private static readonly string[] Names =
    [
        "a",
        "b",
        "foo",
        "Foo",
        "bar",
        "x.cs",
        "y.o",
        "lib",
        "a b",
        "é",
        "foo.txt",
        "#x",
        "!y",
        "a-z",
        "[q]",
        ".hid",
        "foo\\bar",
    ];

    private static readonly string[] Parts =
    [
        "a",
        "b",
        "foo",
        "Foo",
        "bar",
        "*",
        "**",
        "***",
        "?",
        "*.cs",
        "*.o",
        "f*",
        "*o",
        "*o*",
        "[a-f]*",
        "[!a]",
        "[^b]*",
        "[[:alpha:]]*",
        "[[:upper:]]*",
        "[]a]",
        "[a-]",
        "[",
        "[a",
        "a\\ b",
        "a b",
        "é",
        "??",
        "\\*",
        "\\#x",
        "\\!y",
        "#x",
        "!y",
        "a\\",
        "x.cs",
        "foo.txt",
        "a**",
        "**o",
        "f**/b*",
        "[[:foo:]]",
        "[[:alpha:]",
        "[\\]]",
        "[a\\-z]*",
        "[q]",
        "\\[q]",
        ".*",
        "foo\\\\bar",
        "[z-a]",
        "[A-Z]*",
        "a?b",
        "*.*",
        "lib",
        "[[:space:][:punct:]]*",
        "[:alpha:]",
        "[!-~]",
    ];

    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-ignore-").FullName;

    private FrozenDictionary<string, string> Variables =>
        new Dictionary<string, string>
        {
            ["HOME"] = Path.Combine(_root, "home"),
            ["GIT_CONFIG_NOSYSTEM"] = "1",
            ["PATH"] = Environment.GetEnvironmentVariable("PATH")!,
        }.ToFrozenDictionary();

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    [DataRow(1, false)]
    [DataRow(2, false)]
    [DataRow(3, true)]
    [Timeout(300_000, CooperativeCancellation = true)]
    public void RandomTrees_AreIgnoredAsGitDoes(int seed, bool ignoresCase)
    {
        Random random = new(seed * 7919 + RunSeed);
        int rounds = int.TryParse(Environment.GetEnvironmentVariable("IA_IGNORE_ROUNDS"), out int given) ? given : 25;
        for (int round = 0; round < rounds; round++)
        {
            string tree = Path.Combine(_root, $"t{round}");
            Directory.CreateDirectory(tree);
            Git(tree, "", "init", "-q");
            Git(tree, "", "config", "core.ignorecase", ignoresCase ? "true" : "false");
            Lay(tree, random);
            string[] files =
            [
                .. Directory
                    .EnumerateFiles(tree, "*", SearchOption.AllDirectories)
                    .Select(file => Path.GetRelativePath(tree, file))
                    .Where(file => !file.StartsWith(".git/", StringComparison.Ordinal)),
            ];
            string[] tracked = [.. files.Where(_ => random.Next(8) == 0)];
            Git(tree, string.Join('\0', tracked), "update-index", "--add", "-z", "--stdin");
            if (random.Next(2) == 0)
            {
                Git(tree, "", "update-index", "--index-version", "4");
            }

            HashSet<string> expected =
            [
                .. Git(tree, string.Join('\0', files), "check-ignore", "-z", "--stdin").Split('\0', StringSplitOptions.RemoveEmptyEntries),
            ];
            WorkspaceOriginal original = new(tree);
            foreach (string file in files)
            {
                original.Add(file, new OriginalEntry(OriginalKind.File, new WorkspaceFileState(1, "00", IsExecutable: false)));
            }

            TrackedFiles repository = new(original, Variables, ignoresCase: false);
            Predicate<string> isIgnored = repository.Ignoring(new Dictionary<string, byte[]?>(), new MatchEffort(long.MaxValue));
            foreach (string file in files)
            {
                Assert.AreEqual(tracked.Contains(file), repository.Tracks(file), file);
                if (expected.Contains(file) != isIgnored(file))
                {
                    Assert.Fail($"seed {seed} round {round}: git says {expected.Contains(file)} of '{file}'\n{Describe(tree)}");
                }
            }

            Directory.Delete(tree, recursive: true);
        }
    }

    [TestMethod]
    [Timeout(20_000, CooperativeCancellation = true)]
    public void HostilePatterns_TakeBoundedTime()
    {
        string stars = string.Concat(Enumerable.Repeat("*a", 2000)) + "b";
        string folders = string.Concat(Enumerable.Repeat("**/", 1000)) + "b";
        byte[] content = Encoding.UTF8.GetBytes(string.Join('\n', Enumerable.Repeat(stars + "\n" + folders, 200)));
        MatchEffort effort = new(200_000_000);
        IgnoreRules rules = new(folder => folder.Length == 0 ? content : null, [], ignoresCase: false, effort);
        string path = string.Join('/', Enumerable.Repeat(new string('a', 200), 15));
        Assert.IsTrue(rules.IsIgnored(path), "What cannot be told any more counts as ignored.");
        Assert.IsTrue(effort.IsSpent);
    }

    [TestMethod]
    public void Index_FlagsThatHideChanges_AreSeen()
    {
        Git(_root, "", "init", "-q", "t");
        string tree = Path.Combine(_root, "t");
        foreach (string name in (string[])["plain", "assumed", "skipped"])
        {
            File.WriteAllText(Path.Combine(tree, name), name);
        }

        Git(tree, "", "add", "-A");
        Git(tree, "", "update-index", "--assume-unchanged", "assumed");
        Git(tree, "", "update-index", "--skip-worktree", "skipped");
        GitIndex index = GitIndex.Read(Path.Combine(tree, ".git", "index"), isSha256: false);
        Assert.IsTrue(index.Tracks("plain") && !index.Tracks("assumed") && !index.Tracks("skipped"));
        Assert.IsTrue(index.Hides("assumed") && index.Hides("skipped") && !index.Hides("plain"));
        Git(tree, "", "update-index", "--split-index");
        Assert.IsFalse(
            GitIndex.Read(Path.Combine(tree, ".git", "index"), isSha256: false).Tracks("plain"),
            "A split index says nothing for sure."
        );
    }

    [TestMethod]
    public void Sha256Repository_WorktreeAndSubmodule_AreRead()
    {
        Git(_root, "", "init", "-q", "--object-format=sha256", "t");
        string tree = Path.Combine(_root, "t");
        File.WriteAllText(Path.Combine(tree, "tracked"), "x");
        Git(tree, "", "add", "-A");
        Git(tree, "", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x");
        Git(tree, "", "worktree", "add", "-q", "../w");
        GitRepository? worktree = GitRepository.Of(Path.Combine(_root, "w"), Variables);
        Assert.IsTrue(worktree!.Index.Tracks("tracked"));
        File.WriteAllText(Path.Combine(tree, ".git", "info", "exclude"), "*.log\n");
        Assert.HasCount(1, GitRepository.Of(Path.Combine(_root, "w"), Variables)!.Excludes);
    }

    private static int RunSeed => int.TryParse(Environment.GetEnvironmentVariable("IA_IGNORE_SEED"), out int seed) ? seed : 0;

    private static void Lay(string tree, Random random)
    {
        for (int i = random.Next(10, 40); i > 0; i--)
        {
            string[] names = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => Names[random.Next(Names.Length)])];
            string path = Path.Combine(tree, Path.Combine(names));
            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                if (!Directory.Exists(path))
                {
                    File.WriteAllText(path, "");
                }
            }
            catch (IOException)
            {
                // A file is where a folder would be.
            }
        }

        foreach (
            string folder in Directory
                .EnumerateDirectories(tree, "*", SearchOption.AllDirectories)
                .Where(folder => !folder.Contains("/.git", StringComparison.Ordinal))
                .Append(tree)
                .ToArray()
        )
        {
            if (random.Next(3) == 0 || folder == tree)
            {
                File.WriteAllText(Path.Combine(folder, ".gitignore"), Patterns(random));
            }
        }

        File.WriteAllText(Path.Combine(tree, ".git", "info", "exclude"), random.Next(3) == 0 ? Patterns(random) : "");
        string home = Path.Combine(Path.GetDirectoryName(tree)!, "home");
        Directory.CreateDirectory(Path.Combine(home, ".config", "git"));
        File.WriteAllText(Path.Combine(home, ".config", "git", "ignore"), random.Next(3) == 0 ? Patterns(random) : "");
        File.WriteAllText(Path.Combine(home, "mine"), Patterns(random));
        File.WriteAllText(Path.Combine(home, ".gitconfig"), random.Next(3) == 0 ? "[core]\n\texcludesFile = \"~/mine\" # mine\n" : "");
    }

    private static string Patterns(Random random)
    {
        StringBuilder text = new(random.Next(8) == 0 ? "\uFEFF" : "");
        for (int i = random.Next(1, 6); i > 0; i--)
        {
            text.Append(random.Next(4) == 0 ? "!" : "").Append(random.Next(4) == 0 ? "/" : "");
            text.AppendJoin('/', Enumerable.Range(0, random.Next(1, 4)).Select(_ => Parts[random.Next(Parts.Length)]));
            text.Append(random.Next(4) == 0 ? "/" : "")
                .Append(random.Next(8) == 0 ? "  " : "")
                .Append(random.Next(10) == 0 ? "\r" : "")
                .Append(i == 1 && random.Next(3) == 0 ? "" : "\n");
        }

        return text.ToString();
    }

    private static string Describe(string tree) =>
        string.Join(
            '\n',
            Directory
                .EnumerateFiles(tree, ".gitignore", SearchOption.AllDirectories)
                .Append(Path.Combine(tree, ".git", "info", "exclude"))
                .Append(Path.Combine(Path.GetDirectoryName(tree)!, "home", "mine"))
                .Append(Path.Combine(Path.GetDirectoryName(tree)!, "home", ".gitconfig"))
                .Append(Path.Combine(Path.GetDirectoryName(tree)!, "home", ".config", "git", "ignore"))
                .Select(file => $"== {file}\n{File.ReadAllText(file).Replace("\r", "<CR>", StringComparison.Ordinal)}")
        );

    private string Git(string folder, string input, params string[] arguments)
    {
        ProcessStartInfo start = new("git", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardOutputEncoding = new UTF8Encoding(false),
            StandardInputEncoding = new UTF8Encoding(false),
        };
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("GIT_", StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(name);
        }

        start.Environment["HOME"] = Path.Combine(_root, "home");
        start.Environment["GIT_CONFIG_NOSYSTEM"] = "1";
        start.Environment.Remove("XDG_CONFIG_HOME");
        using Process git = Process.Start(start)!;
        git.StandardInput.Write(input.Length == 0 ? "" : input + "\0");
        git.StandardInput.Close();
        string said = git.StandardOutput.ReadToEnd();
        git.WaitForExit();
        Assert.IsLessThanOrEqualTo(1, git.ExitCode, string.Join(' ', arguments));
        return said;
    }
}
