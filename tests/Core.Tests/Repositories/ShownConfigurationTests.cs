using System.Diagnostics;
using System.Text;
using IsolatedAgents.Repositories;

namespace IsolatedAgents.Core.Tests.Repositories;

/// <summary>What an agent is shown of a repository's configuration.</summary>
[TestClass]
public sealed class ShownConfigurationTests
{
    private const string Token = "ghs_0123456789abcdef";

    private readonly string _folder = Directory.CreateTempSubdirectory("isolated-agents-git-").FullName;

    [TestCleanup]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    [DataRow("[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic TOKEN\n", DisplayName = "as checkout writes it")]
    [DataRow("[HTTP] ExtraHeader=TOKEN", DisplayName = "on the line of its section, in capitals, without an end")]
    [DataRow("[http]\nextraheader = \\\n  TOKEN\n", DisplayName = "on a second line")]
    [DataRow("[http]\nextraheader = \"a; TOKEN\"\n", DisplayName = "in quotation marks")]
    [DataRow("[http.https://github.com/]\nextraheader = TOKEN\n", DisplayName = "in a section of the older form")]
    [DataRow("[remote \"origin\"]\nurl = https://x-access-token:TOKEN@github.com/a/b.git\n", DisplayName = "in an address")]
    [DataRow("[remote \"origin\"]\npushurl = https://TOKEN@github.com/a@b/c.git\n", DisplayName = "as a user name")]
    [DataRow("[remote \"origin\"]\nurl = https://user:TO@KEN@TOKEN@github.com/a\n", DisplayName = "with the character that ends it")]
    [DataRow("[url \"https://user:TOKEN@github.com/\"]\ninsteadOf = https://github.com/\n", DisplayName = "in the name of a section")]
    [DataRow("[credential \"https://github.com\"]\nhelper = \"!f() { echo password=TOKEN; }; f\"\n", DisplayName = "in a helper")]
    [DataRow("[credential]\nusername = TOKEN\n", DisplayName = "as a credential's user")]
    [DataRow(
        "[sendemail]\nsmtpPass = TOKEN\n[imap]\npass = TOKEN\n[github]\noauth-token = x\noauthToken = TOKEN\n",
        DisplayName = "in other programs' settings"
    )]
    [DataRow("[core]\nbare = false # TOKEN\n; TOKEN\n", DisplayName = "in a comment")]
    [DataRow("[core]\nbare = false\n[broken\nurl = https://TOKEN@x/\n", DisplayName = "behind what git does not read")]
    [DataRow("\uFEFF[http]\nextraheader = TOKEN\n", DisplayName = "behind a byte order mark")]
    public void Credential_WhereverItStands_IsNotShown(string text)
    {
        string file = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text.Replace("TOKEN", Token, StringComparison.Ordinal)));
        Assert.DoesNotContain(Token, ShownConfiguration.WithoutCredentials(file));
    }

    [TestMethod]
    public void WhatIsNoCredential_IsShownAsGitReadsIt()
    {
        string text =
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n[remote \"or\\\"ig\\\\in\"]\n\turl = https://u:p@example.com/a b.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n[alias]\n\tx = \"!echo \\\"a\\tb\\\" ; # not a comment\"\n\tflag\n[user]\n\temail = a@example.com\n";
        string path = Path.Combine(_folder, "config");
        File.WriteAllText(path, ShownConfiguration.WithoutCredentials(text));
        string expected = text.Replace("u:p@", "", StringComparison.Ordinal);
        File.WriteAllText(path + "2", expected);
        Assert.AreEqual(List(path + "2"), List(path));
        Assert.Contains("user.email\na@example.com\0", List(path)!);
    }

    [TestMethod]
    public void PlainConfiguration_IsTheSame()
    {
        string text = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = git.example.com:a/b\n";
        Assert.AreSame(text, ShownConfiguration.WithoutCredentials(text));
    }

    // Whatever git reads of a file, this reads too; where git refuses a file, this may stop.
    [TestMethod]
    public void Reader_ReadsWhatGitReads()
    {
        string[] parts =
        [
            "[a]",
            "[a \"b\"]",
            "[A.c]",
            "[a \"x\\\"y\"]",
            "\n",
            "\n",
            "\n",
            "k",
            "key-1",
            " = ",
            "=",
            "v",
            " v ",
            "\"",
            "\\n",
            "\\\\",
            "\\\"",
            "\\\n",
            "#c",
            ";c",
            "\t",
            "ä",
            "\r\n",
            " ",
            "]",
            "true",
        ];
        Random random = new(20261201);
        string path = Path.Combine(_folder, "config");
        int compared = 0;
        for (int round = 0; round < 1000; round++)
        {
            StringBuilder made = new("[a]\n");
            for (int part = random.Next(1, 14); part > 0; part--)
            {
                made.Append(parts[random.Next(parts.Length)]);
            }

            File.WriteAllText(path, made.ToString());
            if (List(path) is { } listed)
            {
                string text = Encoding.Latin1.GetString(File.ReadAllBytes(path));
                string read = string.Concat(
                    new ConfigurationReader(text)
                        .Read()
                        .Select(entry =>
                            $"{entry.Section}{(entry.Subsection is null ? "" : "." + entry.Subsection)}.{entry.Key}{(entry.Value is null ? "" : "\n" + entry.Value)}\0"
                        )
                );
                Assert.AreEqual(Collapsed(listed), Collapsed(Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(read))), made.ToString());
                compared++;
            }
        }

        Assert.IsGreaterThan(120, compared);
    }

    [TestMethod]
    public void Find_SubmodulesWorktreesAndIncludes_AreAmongThem()
    {
        Write(".git/HEAD", "ref: refs/heads/main\n");
        Write(
            ".git/config",
            $"[include]\n\tpath = more/extra\n[includeIf \"gitdir:x\"]\n\tpath = ../outside/of-git\n[include]\n\tpath = /etc/gitconfig\n[core]\n\tbare = false\n"
        );
        Write(".git/more/extra", $"[http]\n\textraheader = {Token}\n");
        Write("outside/of-git", $"[credential]\n\tusername = {Token}\n");
        Write(".git/modules/a/b/HEAD", "x\n");
        Write(".git/modules/a/b/config", $"[remote \"origin\"]\n\turl = https://{Token}@example.com/\n");
        Write(".git/worktrees/w/config.worktree", $"[http]\n\textraheader = {Token}\n");
        Write(".git/modules/plain/HEAD", "x\n");
        Write(".git/modules/plain/config", "[core]\n\tbare = false\n");
        CollectionAssert.AreEquivalent(
            new[] { ".git/more/extra", "outside/of-git", ".git/modules/a/b/config", ".git/worktrees/w/config.worktree" },
            ShownConfiguration.FindIn(_folder).Select(shown => Path.GetRelativePath(_folder, shown.Path)).ToArray()
        );
        Assert.DoesNotContain(
            shown => Encoding.UTF8.GetString(shown.Content).Contains(Token, StringComparison.Ordinal),
            ShownConfiguration.FindIn(_folder)
        );
        Assert.ContainsSingle(
            ShownConfiguration.FindIn(Path.Combine(_folder, ".git")).Where(shown => shown.Path.EndsWith("extra", StringComparison.Ordinal))
        );
    }

    // Job steps check other repositories out into folders of the first; git knows more shapes of one than a folder named .git.
    [TestMethod]
    public void Find_RepositoriesAtAnyDepthAndOfAnyShape_AreAmongThem()
    {
        string secret = $"[http]\n\textraheader = {Token}\n";
        Write("a/lib/.git/HEAD", "x\n");
        Write("a/lib/.git/config", secret);
        Write("a/lib/.git/config.bak", secret);
        Write("a/lib/.git/credentials", $"https://u:{Token}@example.com\n");
        Write("bare.git/HEAD", "x\n");
        Write("bare.git/config", secret);
        Write("apart/.git", "gitdir: ../apart-git\n");
        Write("apart-git/HEAD", "x\n");
        Write("apart-git/config", secret);
        Write("linked/.git/HEAD", "x\n");
        Write("linked/.git/real", secret);
        File.CreateSymbolicLink(Path.Combine(_folder, "linked/.git/config"), "real");
        CollectionAssert.AreEquivalent(
            new[]
            {
                "a/lib/.git/config",
                "a/lib/.git/config.bak",
                "a/lib/.git/credentials",
                "bare.git/config",
                "apart-git/config",
                "linked/.git/real",
            },
            ShownConfiguration.FindIn(_folder).Select(shown => Path.GetRelativePath(_folder, shown.Path)).ToArray()
        );
    }

    [TestMethod]
    [DataRow("[http]\n\tproxy = user:TOKEN@proxy:3128\n", DisplayName = "of a proxy, without a scheme")]
    [DataRow("[alias]\n\tup = \"!git -c http.extraheader=TOKEN pull\"\n", DisplayName = "in an alias")]
    [DataRow("[core]\n\tsshCommand = sshpass -p TOKEN ssh\n", DisplayName = "in a command")]
    public void Credential_InAnotherSetting_IsNotShown(string text) =>
        Assert.DoesNotContain(Token, ShownConfiguration.WithoutCredentials(text.Replace("TOKEN", Token, StringComparison.Ordinal)));

    [TestMethod]
    public void Find_IncludesInACircle_Ends()
    {
        Write(".git/HEAD", "x\n");
        Write(".git/config", "[include]\n\tpath = other\n");
        Write(".git/other", "[include]\n\tpath = config\n");
        Assert.IsEmpty(ShownConfiguration.FindIn(_folder));
    }

    // Versions of git differ in which blanks within a value they keep.
    private static string Collapsed(string text) =>
        string.Join(' ', text.Replace('\t', ' ').Split(' ', StringSplitOptions.RemoveEmptyEntries));

    private static string? List(string path)
    {
        ProcessStartInfo start = new("git", ["config", "--file", path, "--no-includes", "--list", "-z"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        _ = error.Result;
        return process.ExitCode == 0 ? output : null;
    }

    private void Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
