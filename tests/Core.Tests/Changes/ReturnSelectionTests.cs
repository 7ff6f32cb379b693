using System.Collections.Frozen;
using System.Text;
using IsolatedAgents.Changes;
using IsolatedAgents.Changes.Returning;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Repositories.Ignoring;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Core.Tests.Changes;

/// <summary>What stays in the copy, whatever an agent does to the rules that say so.</summary>
[TestClass]
public sealed class ReturnSelectionTests
{
    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-return-").FullName;

    [TestInitialize]
    public void Lay() => Directory.CreateDirectory(Path.Combine(_root, ".git"));

    [TestCleanup]
    public void Delete() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    public void PatternsThatAreHeldBack_DoNotSpeakForAFile()
    {
        ReturnSelection selection = Select(
            new FilesystemPolicy { ProtectedPaths = ["sub/.gitignore"] },
            "sub/evil.cs",
            ".gitignore",
            "sub/.gitignore"
        );
        selection.Decide(
            new Dictionary<string, byte[]> { [".gitignore"] = "evil.cs"u8.ToArray(), ["sub/.gitignore"] = "!evil.cs"u8.ToArray() }
        );
        CollectionAssert.AreEquivalent(
            new[] { "sub/evil.cs", ".gitignore", "sub/.gitignore" },
            selection.Taken.Select(entry => entry.Path).ToArray()
        );
        IReadOnlySet<string> left = selection.Recheck(
            ["sub/evil.cs", ".gitignore"],
            new Dictionary<string, byte[]?> { [".gitignore"] = "evil.cs"u8.ToArray() }
        );
        CollectionAssert.AreEqual(new[] { "sub/evil.cs" }, left.ToArray());
        CollectionAssert.AreEquivalent(new[] { ".gitignore", "sub/.gitignore" }, selection.Taken.Select(entry => entry.Path).ToArray());
    }

    // Each file of patterns ignores the next one, which spoke for the one after it.
    [TestMethod]
    public void ChainOfPatterns_EndsAndHoldsWhatAnyOfThemIgnores()
    {
        string[] folders = [.. Enumerable.Range(0, 40).Select(i => string.Join('/', Enumerable.Repeat("d", i + 1)))];
        string[] patterns = [.. folders.Select(folder => folder + "/.gitignore")];
        ReturnSelection selection = Select(new FilesystemPolicy(), [.. patterns, folders[^1] + "/x.cs"]);
        selection.Decide(patterns.ToDictionary(path => path, _ => "/d/.gitignore\n!/d/d/.gitignore\nx.cs"u8.ToArray()));
        Assert.IsFalse(selection.Taken.Any(entry => entry.Path.EndsWith("x.cs", StringComparison.Ordinal)));
        Dictionary<string, byte[]?> returned = selection.Taken.ToDictionary(
            entry => entry.Path,
            _ => (byte[]?)"/d/.gitignore\n!/d/d/.gitignore\nx.cs"u8.ToArray()
        );
        // What is taken in the end ignores nothing that is taken.
        Predicate<string> isIgnored = Tracked(Original()).Ignoring(returned, new MatchEffort(long.MaxValue));
        Assert.IsFalse(selection.Taken.Any(entry => isIgnored(entry.Path)));
    }

    // Which of two hides a file is found by leaving out one; of more than can be tried so, all are held back that stand above it.
    [TestMethod]
    [DataRow(1, 2)]
    [DataRow(100, 200)]
    [Timeout(60_000, CooperativeCancellation = true)]
    public void PatternsThatHideWhatLiesThere_AreFound(int folders, int atMost)
    {
        string[] inner = [.. Enumerable.Range(0, folders).Select(i => $"d{i}/.gitignore")];
        WorkspaceOriginal original = Original([.. Enumerable.Range(0, folders).Select(i => $"d{i}/left.cs")]);
        ReturnSelection selection = new([], original, Tracked(original), new FilesystemPolicy());
        Dictionary<string, byte[]?> patterns = inner.ToDictionary(path => path, _ => (byte[]?)"*.tmp"u8.ToArray());
        patterns[".gitignore"] = "left.cs"u8.ToArray();
        selection.Recheck([], patterns);
        IReadOnlyDictionary<string, string> found = selection.FindHiding(patterns, new HashSet<string>());
        Assert.IsTrue(found.ContainsKey(".gitignore"));
        Assert.IsLessThan(atMost, found.Count);
        Assert.IsEmpty(selection.FindHiding(patterns, original.Names.ToHashSet()));
    }

    [TestMethod]
    public void PatternsTooCostlyToCompare_HoldEverythingBack()
    {
        byte[] hostile = Encoding.UTF8.GetBytes(
            string.Join('\n', Enumerable.Range(0, 20_000).Select(i => $"{string.Concat(Enumerable.Repeat("*a", 40))}{i}"))
        );
        string[] names = [.. Enumerable.Range(0, 2000).Select(i => $"src/{new string('a', 200)}{i}.cs")];
        ReturnSelection selection = Select(new FilesystemPolicy(), [".gitignore", .. names]);
        System.Diagnostics.Stopwatch time = System.Diagnostics.Stopwatch.StartNew();
        selection.Decide(new Dictionary<string, byte[]> { [".gitignore"] = hostile });
        Assert.IsLessThan(60, time.Elapsed.TotalSeconds);
        Assert.IsLessThan(names.Length, selection.Taken.Count());
        // Nor does what was judged in time, once all is settled.
        selection.Recheck([.. selection.Taken.Select(entry => entry.Path)], new Dictionary<string, byte[]?> { [".gitignore"] = hostile });
        Assert.IsEmpty(selection.Taken);
    }

    [TestMethod]
    [DataRow(".git/index")]
    [DataRow(".GIT/x")]
    [DataRow("a/.g\u0131t/x")]
    [DataRow("git~1/x")]
    [DataRow("GIT~12/x")]
    [DataRow(".git./x")]
    [DataRow("sub/.git")]
    [DataRow(".hg/x")]
    [DataRow("OBJ/x")]
    [DataRow("a/Bin/x.txt")]
    [DataRow("node_modules/a/b.js")]
    [DataRow("\uFF42in/x")]
    [DataRow("x.DLL")]
    [DataRow("x.dll ")]
    [DataRow("x.exe::$DATA")]
    [DataRow("x.ex\uFF45")]
    [DataRow("libx.so.1.2")]
    [DataRow("__pycache__/x")]
    public void NamesThatSomeFileSystemTakesForTheSame_StayBehind(string path) => Assert.IsEmpty(Decided(path).Taken);

    [TestMethod]
    [DataRow("object/x")]
    [DataRow("bin")]
    [DataRow("target")]
    [DataRow("gitx/y")]
    [DataRow(".gitkeep")]
    [DataRow("binary/x")]
    [DataRow("x.sol")]
    [DataRow("dll")]
    public void OtherNames_ComeBack(string path) => Assert.HasCount(1, Decided(path).Taken);

    [TestMethod]
    public void FolderThatWasABareRepository_StaysAsItIs()
    {
        WorkspaceOriginal original = Original("store/HEAD", "store/config", "store/objects/x", "store/refs/y");
        ReturnSelection selection = new(
            [Entry("store/readme.md"), Entry("store/hooks/post-receive"), Entry("other/x")],
            original,
            Tracked(original),
            new FilesystemPolicy()
        );
        selection.Decide(new Dictionary<string, byte[]>());
        Assert.AreEqual("other/x", Assert.ContainsSingle(selection.Taken).Path);
        Assert.AreEqual(2, selection.Left.VersionControl);
    }

    [TestMethod]
    [DataRow("src/New.cs", "SRC/new.cs", true)]
    [DataRow("src/n\u00FC.cs", "src/nu\u0308.cs", true)]
    [DataRow("src/stra\u00DFe", "src/STRASSE", true)]
    [DataRow("src/a", "src/b", false)]
    [DataRow("src/\u4E2D", "src/\u6587", false)]
    public void FileSystemThatIgnoresCase_NamesThatDifferInItAlone_AreHeldBack(string there, string made, bool isHeld)
    {
        IReadOnlyList<PendingChange> judged = new ChangeRules(new FilesystemPolicy(), ignoresCase: true).Judge(
            [
                new PendingChange(
                    new WorkspaceChange
                    {
                        Path = made,
                        Kind = WorkspaceChangeKind.Created,
                        After = new WorkspaceFileState(1, "00", IsExecutable: false),
                    },
                    "/c"
                ),
            ],
            Original(there)
        );
        Assert.AreEqual(isHeld, judged.Single().IsHeldBack);
    }

    [TestMethod]
    [DataRow("geheim/schl\u00FCssel", "geheim/schlu\u0308ssel", true)]
    [DataRow("geheim/schlu\u0308ssel", "GEHEIM/SCHL\u00DCSSEL", true)]
    [DataRow("stra?e", "stra\u00DFe", true)]
    [DataRow("geheim/schl\u00FCssel", "geheim/schl\u00F6ssel", false)]
    [DataRow("\u00C5", "A\u030A", true)]
    [DataRow("\uD55C", "\u1112\u1161\u11AB", true)]
    public void ProtectedGlob_HoldsOfOtherFormsOfItsCharacters(string glob, string path, bool holds) =>
        Assert.AreEqual(holds, new PathGlobs([glob], isLoose: true).Covers(path));

    [TestMethod]
    public void CutOffIndex_TracksNothingAndBreaksNothing()
    {
        Random random = new(1);
        byte[] index = [.. "DIRC"u8, 0, 0, 0, 2, 0, 0, 0, 9, .. new byte[400]];
        for (int i = 0; i < 2000; i++)
        {
            byte[] broken = [.. index.AsSpan(0, random.Next(index.Length))];
            for (int j = random.Next(6); j > 0 && broken.Length > 8; j--)
            {
                broken[random.Next(7, broken.Length)] = (byte)random.Next(256);
            }

            File.WriteAllBytes(Path.Combine(_root, "index"), broken);
            Assert.IsFalse(GitIndex.Read(Path.Combine(_root, "index"), isSha256: random.Next(2) == 0).Tracks("x"));
        }
    }

    private ReturnSelection Decided(string path)
    {
        ReturnSelection selection = Select(new FilesystemPolicy { ProtectedPaths = [] }, path);
        selection.Decide(new Dictionary<string, byte[]>());
        return selection;
    }

    private ReturnSelection Select(FilesystemPolicy policy, params string[] paths)
    {
        WorkspaceOriginal original = Original();
        return new ReturnSelection([.. paths.Select(Entry)], original, Tracked(original), policy);
    }

    private WorkspaceOriginal Original(params string[] paths)
    {
        WorkspaceOriginal original = new(_root);
        foreach (string path in paths)
        {
            original.Add(path, new OriginalEntry(OriginalKind.File, new WorkspaceFileState(1, "00", IsExecutable: false)));
        }

        return original;
    }

    private static TrackedFiles Tracked(WorkspaceOriginal original) =>
        new(original, FrozenDictionary<string, string>.Empty, ignoresCase: false);

    private static ListedEntry Entry(string path) =>
        ListedEntry.Of(new WorkspaceEntry(WorkspaceEntryKind.File, IsExecutable: false, 1, Encoding.UTF8.GetBytes(path), []));
}
