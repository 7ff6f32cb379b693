using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using IsolatedAgents.Repositories.Ignoring;

namespace IsolatedAgents.Changes.Commits;

/// <summary>The agent's commits as patches.</summary>
/// <param name="Patches">One for each, the first one first; empty where there are none, or where they cannot be given.</param>
/// <param name="HeldBackPath">A path that they change and that would be held back; null where there is none.</param>
/// <param name="Problem">Why they cannot be given; null where they can.</param>
internal sealed record CommitSeries(IReadOnlyList<byte[]> Patches, string? HeldBackPath, string? Problem)
{
    private const int MaxCommits = 1000;
    private const string Index = "series-index";
    private const string MailIndex = "mail-index";
    private const string MailFolder = "mails";

    private static CommitSeries None { get; } = new([], null, null);

    /// <summary>
    /// Makes them of the agent's objects. Each patch is applied to what the ones before it have left, as it stands in its file: it must
    /// give the very tree of its commit, so that neither a message nor an attribute of the agent's makes it another patch to who applies
    /// it.
    /// </summary>
    /// <param name="files">Where HEAD leads.</param>
    /// <param name="received">Where the content of what was asked for lies, by its path.</param>
    /// <param name="repository">The workspace's own.</param>
    /// <param name="environment">Where git is found.</param>
    /// <param name="isHeldBack">Whether a change of a path would be held back.</param>
    public static CommitSeries Create(
        CommitFiles files,
        IReadOnlyDictionary<string, string> received,
        GitRepository repository,
        FrozenDictionary<string, string> environment,
        Predicate<string> isHeldBack
    )
    {
        if (files.Tip(received) is not { } tip || files.Base() is not { } start || tip == start)
        {
            return None;
        }

        try
        {
            using ScratchRepository scratch = new(repository.CommonFolder, repository.IsSha256, environment);
            foreach ((string path, string content) in received)
            {
                if (CommitFiles.IsLooseObject(path))
                {
                    scratch.AddLoose(path[".git/objects/".Length..].Replace("/", "", StringComparison.Ordinal), content);
                }
                else if (CommitFiles.IsPack(path))
                {
                    scratch.AddPack(content);
                }
            }

            return Create(scratch, start, tip, isHeldBack);
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return new CommitSeries([], null, Text.UntrustedText.Display(failure.Message));
        }
    }

    private static CommitSeries Create(ScratchRepository scratch, string start, string tip, Predicate<string> isHeldBack)
    {
        if (
            scratch.Require("cat-file", "-t", tip).Trim() != "commit"
            || scratch.Require("rev-list", "--count", "--max-count=1", start, "--not", tip).Trim() != "0"
        )
        {
            return new CommitSeries([], null, "they do not follow the commit that the agent was given");
        }

        scratch.Require("rev-list", "--objects", "--quiet", tip, "--not", start);
        string[] commits = scratch
            .Require("rev-list", "--reverse", "--topo-order", $"--max-count={MaxCommits + 1}", tip, "--not", start)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (commits.Length > MaxCommits || scratch.Require("rev-list", "--merges", "--count", tip, "--not", start).Trim() != "0")
        {
            return new CommitSeries(
                [],
                null,
                commits.Length > MaxCommits
                    ? $"there are more than {MaxCommits}"
                    : "there are merges among them, which patches cannot stand for"
            );
        }

        scratch.Run(null, Index, ["read-tree", start]);
        scratch.Run(null, MailIndex, ["read-tree", start]);
        List<byte[]> patches = [];
        string? held = null;
        for (int i = 0; i < commits.Length; i++)
        {
            byte[] patch = scratch.Run(
                null,
                null,
                [
                    "format-patch",
                    "-1",
                    "--stdout",
                    "--no-signature",
                    "--no-signoff",
                    "--no-attach",
                    "--no-thread",
                    "--no-ext-diff",
                    "--no-textconv",
                    "--no-renames",
                    "--binary",
                    "--full-index",
                    "--no-color",
                    "--src-prefix=a/",
                    "--dst-prefix=b/",
                    $"--start-number={(i + 1).ToString(CultureInfo.InvariantCulture)}",
                    commits[i],
                ]
            );
            scratch.Run(patch, Index, ["apply", "--cached", "--whitespace=nowarn", "--allow-empty", "-"]);
            bool isOneMail = ApplyMail(scratch, patch);
            byte[] wanted = scratch.Run(null, null, ["rev-parse", commits[i] + "^{tree}"]);
            bool givesTree = new[] { Index, MailIndex }.All(index =>
                wanted.AsSpan().SequenceEqual(scratch.Run(null, index, ["write-tree"]))
            );
            if (!isOneMail || !givesTree || HoldsSecondMail(patch))
            {
                return new CommitSeries([], null, $"the patch of commit {commits[i]} does not give what the commit holds");
            }

            held ??= HeldBack(scratch, commits[i], isHeldBack);
            if (patch.Length > 0)
            {
                patches.Add(patch);
            }
        }

        return new CommitSeries(patches, held, null);
    }

    // What git am(1) does with --keep-cr: it splits mails, decodes each, and applies what is left of it. False where it is not one mail.
    private static bool ApplyMail(ScratchRepository scratch, byte[] patch)
    {
        if (patch.Length == 0)
        {
            return true;
        }

        string folder = scratch.CreateFolder(MailFolder);
        if (Encoding.UTF8.GetString(scratch.Run(patch, null, ["mailsplit", "--keep-cr", "-d4", $"-o{folder}"])).Trim() != "1")
        {
            return false;
        }

        string mail = Path.Combine(folder, "0001"),
            change = Path.Combine(folder, "patch");
        scratch.Run(File.ReadAllBytes(mail), null, ["mailinfo", "-u", Path.Combine(folder, "message"), change]);
        scratch.Run(File.ReadAllBytes(change), MailIndex, ["apply", "--cached", "--whitespace=nowarn", "--allow-empty", "-"]);
        return true;
    }

    // git am(1) takes such a line for the beginning of another mail, whose headers may say that it is encoded.
    private static bool HoldsSecondMail(ReadOnlySpan<byte> patch) => patch.IndexOf("\nFrom "u8) >= 0;

    // Links, and other repositories, are held back whatever they are.
    private static string? HeldBack(ScratchRepository scratch, string commit, Predicate<string> isHeldBack)
    {
        string[] raw = scratch
            .Require("diff-tree", "-r", "-z", "--raw", "--no-commit-id", "--no-renames", commit)
            .Split('\0', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i + 1 < raw.Length; i += 2)
        {
            string mode = raw[i].Split(' ') is [_, var after, ..] ? after : "";
            if (mode is "120000" or "160000" || isHeldBack(raw[i + 1]))
            {
                return raw[i + 1];
            }
        }

        return null;
    }
}
