using System.Collections.Frozen;
using System.Diagnostics;
using System.Text;
using IsolatedAgents.Changes.Returning;
using IsolatedAgents.Repositories.Ignoring;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Core.Tests.Changes;

/// <summary>
/// Whatever attribute git finds for a file is found here as well, held against the real one on random trees. A line for other files
/// holds nothing back.
/// </summary>
[TestClass]
public sealed class AttributeRulesTests
{
    private static readonly string[] Files =
    [
        "a",
        "b.cs",
        "src/a.cs",
        "src/b.o",
        "src/deep/a",
        "src/deep/x y.cs",
        "lib/#a",
        "lib/!b",
        "lib/é.cs",
        "lib/[q]",
        "Src/A.cs",
        "own/own.cs",
    ];

    private static readonly string[] Asked = ["ident", "filter", "working-tree-encoding", "text", "eol", "crlf"];

    private static readonly string[] Patterns =
    [
        "*",
        "*.cs",
        "a",
        "src/*",
        "src/**",
        "/src/a.cs",
        "**/a",
        "deep/a",
        "src/deep/",
        "\"src/deep/x y.cs\"",
        "\"lib/\\043a\"",
        "\"\\303\\251.cs\"",
        "\"#a\"",
        "\"!b\"",
        "\\!b",
        "\\[q]",
        "[[:alpha:]]*.cs",
        "?",
        "own",
        "*.O",
        "!a",
        "#a",
        "\"unterminated",
        "[attr]own",
        "[attr]more",
        "[attr]",
        "[attr] own",
        "\uFEFF*",
        "lib",
        "/*",
        "**",
    ];

    private static readonly string[] Attributes =
    [
        "ident",
        "-ident",
        "!ident",
        "ident=x",
        "filter=x",
        "-filter",
        "filter",
        "text",
        "text=auto",
        "-text",
        "eol=lf",
        "eol=crlf",
        "crlf",
        "crlf=input",
        "working-tree-encoding=UTF-16",
        "diff",
        "binary",
        "own",
        "more",
        "-own",
    ];

    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-attributes-").FullName;

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    [DataRow(1, false)]
    [DataRow(2, true)]
    [Timeout(120_000, CooperativeCancellation = true)]
    public void RandomTrees_NoAttributeThatGitFindsIsMissed(int seed, bool ignoresCase)
    {
        Random random = new(seed * 7919);
        int count = 0;
        for (int round = 0; round < 100; round++)
        {
            string tree = Path.Combine(_root, $"t{round}");
            Git(_root, "", "init", "-q", tree);
            Git(tree, "", "config", "core.ignorecase", ignoresCase ? "true" : "false");
            foreach (string folder in (string[])["", "src", "src/deep", "lib", ".git/info"])
            {
                if (folder.Length == 0 || random.Next(2) == 0)
                {
                    string name = folder == ".git/info" ? "attributes" : ".gitattributes";
                    Directory.CreateDirectory(Path.Combine(tree, folder));
                    File.WriteAllText(Path.Combine(tree, folder, name), Text(random));
                }
            }

            TrackedFiles repository = Repository(tree);
            Func<string, ContentHiding> hiding = Hiding(repository);
            string[] said = Git(tree, string.Join('\0', Files), ["check-attr", "-z", "--stdin", .. Asked])
                .Split('\0', StringSplitOptions.RemoveEmptyEntries);
            for (int i = 0; i + 2 < said.Length; i += 3)
            {
                if (said[i + 2] is not ("unspecified" or "unset"))
                {
                    count++;
                    ContentHiding kind = KindOf(said[i + 1]);
                    string found = $"seed {seed} round {round}: git finds {said[i + 1]}={said[i + 2]} for '{said[i]}'";
                    Assert.AreEqual(kind, hiding(said[i]) & kind, found);
                }
            }
        }

        Assert.IsGreaterThan(500, count);
    }

    [TestMethod]
    [DataRow("*.cs ident", "src/a.cs", (int)ContentHiding.Identity)]
    [DataRow("*.cs ident", "src/a.o", 0)]
    [DataRow("src/ ident", "src/a.cs", 0)]
    [DataRow("*.cs -ident !filter diff", "src/a.cs", 0)]
    [DataRow("*.cs filter=lfs diff=lfs -text", "src/a.cs", (int)ContentHiding.Whole)]
    [DataRow("*.cs binary", "src/a.cs", 0)]
    public void Line_IsForWhatItNames(string line, string path, int expected)
    {
        Git(_root, "", "init", "-q", ".");
        File.WriteAllText(Path.Combine(_root, ".gitattributes"), line + "\n");
        Assert.AreEqual((ContentHiding)expected, Hiding(Repository(_root))(path));
    }

    [TestMethod]
    [DataRow("[core]\n\tautocrlf = true\n", (int)ContentHiding.LineEnds)]
    [DataRow("[core]\n\tautocrlf = true\n\tautocrlf = false\n", (int)ContentHiding.LineEnds)]
    [DataRow("[core]\n\tautocrlf = false\n", 0)]
    [DataRow("[attr]\n\ttree = HEAD\n", (int)ContentHiding.All)]
    public void Settings_HoldForAllFiles(string settings, int expected)
    {
        Git(_root, "", "init", "-q", ".");
        File.AppendAllText(Path.Combine(_root, ".git", "config"), settings);
        Assert.AreEqual((ContentHiding)expected, Hiding(Repository(_root))("a.cs"));
    }

    // Past the effort nothing can be told, which counts as hidden.
    [TestMethod]
    [Timeout(20_000, CooperativeCancellation = true)]
    public void HostileAttributes_TakeBoundedTime()
    {
        string stars = string.Concat(Enumerable.Repeat("*a", 500)) + "b";
        byte[] content = Encoding.UTF8.GetBytes(string.Join('\n', Enumerable.Repeat($"{stars} ident", 2000)));
        Git(_root, "", "init", "-q", ".");
        Dictionary<string, byte[]> changed = new() { [".gitattributes"] = content };
        Func<string, ContentHiding> hiding = Repository(_root).Hiding(changed, new MatchEffort(50_000_000));
        Assert.AreEqual(ContentHiding.All, hiding(new string('a', 200) + "/" + new string('a', 2000)));
    }

    [TestMethod]
    [DataRow("[submodule \"a\"]\n\tpath = lib\n\tignore = all\n", "", "lib")]
    [DataRow("[submodule \"a]b\"]\n\tpath = lib\n", "[submodule \"a]b\"]\n\tignore = dirty\n", "lib")]
    [DataRow("[submodule \"a\\\"b\"]\n\tpath = lib/\n\tignore = untracked\n", "", "lib")]
    [DataRow("[submodule \"a\"]\n\tpath = lib\n\tignore = all\n", "[submodule \"a\"]\n\tignore = none\n", "lib")]
    [DataRow("[submodule \"a\"]\n\tpath = lib\n[submodule \"b\"]\n\tpath = other\n\tignore = all\n", "", "other")]
    [DataRow("", "[diff]\n\tignoreSubmodules = dirty\n", "lib|other")]
    [DataRow("[submodule \"a\"]\n\tpath = lib\n\tignore = none\n", "[diff]\n\tignoreSubmodules = none\n", "")]
    public void Submodules_ThatGitIsToldToIgnore_AreFound(string modules, string settings, string hidden)
    {
        Git(_root, "", "init", "-q", ".");
        File.WriteAllText(Path.Combine(_root, ".gitmodules"), modules);
        File.AppendAllText(Path.Combine(_root, ".git", "config"), settings);
        GitRepository repository = GitRepository.Of(_root, Variables)!;
        Assert.AreEqual(hidden, string.Join('|', new[] { "lib", "other" }.Where(repository.HidesModule)));
    }

    private FrozenDictionary<string, string> Variables =>
        new Dictionary<string, string>
        {
            ["HOME"] = Path.Combine(_root, "home"),
            ["GIT_CONFIG_NOSYSTEM"] = "1",
            ["GIT_ATTR_NOSYSTEM"] = "1",
        }.ToFrozenDictionary();

    private TrackedFiles Repository(string tree) => new(new WorkspaceOriginal(tree), Variables, ignoresCase: false);

    private static Func<string, ContentHiding> Hiding(TrackedFiles repository) =>
        repository.Hiding(new Dictionary<string, byte[]>(), new MatchEffort(long.MaxValue));

    private static ContentHiding KindOf(string attribute) =>
        attribute switch
        {
            "ident" => ContentHiding.Identity,
            "filter" or "working-tree-encoding" => ContentHiding.Whole,
            _ => ContentHiding.LineEnds,
        };

    private static string Text(Random random)
    {
        StringBuilder text = new(random.Next(8) == 0 ? "\uFEFF" : "");
        for (int i = random.Next(1, 6); i > 0; i--)
        {
            text.Append(random.Next(6) == 0 ? " \t" : "").Append(Patterns[random.Next(Patterns.Length)]);
            for (int j = random.Next(1, 4); j > 0; j--)
            {
                text.Append(random.Next(3) == 0 ? "\t " : " ").Append(Attributes[random.Next(Attributes.Length)]);
            }

            text.Append(random.Next(6) == 0 ? "\r" : "").Append(i == 1 && random.Next(3) == 0 ? "" : "\n");
        }

        return text.ToString();
    }

    private string Git(string folder, string input, params string[] arguments)
    {
        ProcessStartInfo start = new("git", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.StandardInputEncoding = start.StandardOutputEncoding = new UTF8Encoding(false);
        start.Environment["HOME"] = Path.Combine(_root, "home");
        start.Environment["GIT_CONFIG_NOSYSTEM"] = "1";
        start.Environment["GIT_ATTR_NOSYSTEM"] = "1";
        start.Environment.Remove("XDG_CONFIG_HOME");
        using Process git = Process.Start(start)!;
        Task<string> warnings = git.StandardError.ReadToEndAsync();
        git.StandardInput.Write(input.Length == 0 ? "" : input + "\0");
        git.StandardInput.Close();
        string said = git.StandardOutput.ReadToEnd();
        git.WaitForExit();
        Assert.AreEqual(0, git.ExitCode, string.Join(' ', arguments) + warnings.Result);
        return said;
    }
}
