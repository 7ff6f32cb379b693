using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>Who the agent is: a user that every program finds, the image's own where nothing else decides, and never root.</summary>
[TestClass]
public sealed class AgentUserTests
{
    private const int Minute = 60_000;
    private const string Root = "root:x:0:0:root:/root:/bin/sh";

    private static readonly (string Path, string Text)[] Files =
    [
        (
            "/etc/passwd",
            $"{Root}\ntoor:x:0:0::/root:/bin/sh\nnode:x:1234:1235::/home/nobody:/bin/sh\n:::\nbroken\nroot:x:99999999999999999999:0:a:/:/bin/sh\n"
        ),
        ("/etc/group", "root:x:0:\nstaff:x:77:\nnodes:x:1235:\n"),
        ("/home/nobody/x", "in the image's home\n"),
    ];

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [DataRow(SandboxHost.BusyboxImage)]
    [DataRow(SandboxHost.PythonImage)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ImageThatDoesNotKnowTheUser_ShowsAnEntry(string image)
    {
        using SandboxHost host = new();
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync(host.Request("whoami; id -un; id -gn; grep -c . /etc/passwd", image), Token));
        CollectionAssert.AreEqual(new[] { "agent", "agent", "agent" }, host.Lines.Take(3).ToArray());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Home_IsTheOneThatTheEnvironmentNames()
    {
        using SandboxHost host = new();
        AssertVerdict(
            Verdict.Passed,
            0,
            await host.RunAsync(
                host.Request(
                    "python3 -c 'import os, pwd; print(pwd.getpwuid(os.getuid()).pw_dir, os.path.expanduser(\"~\"))'",
                    SandboxHost.PythonImage,
                    ("env_vars", "HOME=/output")
                ),
                Token
            )
        );
        CollectionAssert.AreEqual(new[] { "/output /output" }, host.Lines.ToArray());
    }

    [TestMethod]
    [DataRow("node", "node 1234 1235 nodes", true)]
    [DataRow("node:staff", "node 1234 77 staff", true)]
    [DataRow("4321:77", "agent 4321 77 staff", false)]
    [DataRow("1234", "node 1234 1235 nodes", true)]
    [DataRow("root", "agent 1000 1000 agent", false)]
    [DataRow("toor", "agent 1000 1000 agent", false)]
    [DataRow("0:77", "agent 1000 1000 agent", false)]
    [DataRow("node:root", "node 1234 1000 node", true)]
    [DataRow("unknown", "agent 1000 1000 agent", false)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task UserOfTheImage_IsTheAgentWhereTheWorkspaceIsRoots(string user, string expected, bool seesHome)
    {
        using SandboxHost host = new() { Transport = TransportKind.Auto, Delivery = DeliveryKind.Auto };
        string image = await DockerCli.ImportAsync(SandboxHost.BusyboxImage, [$"USER {user}"], Files, Token);
        try
        {
            AgentRunResult result = await host.RunAsync(
                host.Request("echo $(whoami) $(id -u) $(id -g) $(id -gn); cat /home/nobody/x", image, ("fail_on", "timeout")),
                Token
            );
            AssertVerdict(Verdict.Passed, 0, result);
            Assert.AreEqual(expected, host.Lines[0]);
            Assert.AreEqual(seesHome, host.Lines.Contains("in the image's home"), "whether the image's home can be read");
            Assert.AreEqual(seesHome, result.Violations.IsEmpty);
        }
        finally
        {
            await DockerCli.RemoveImageAsync(image);
        }
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task OwnerOfTheWorkspace_GoesBeforeTheUserOfTheImage()
    {
        using SandboxHost host = new();
        await DockerCli.ChangeOwnerAsync(host.Workspace, "2345:2346", Token);
        string image = await DockerCli.ImportAsync(SandboxHost.BusyboxImage, ["USER node"], Files, Token);
        try
        {
            AssertVerdict(Verdict.Passed, 0, await host.RunAsync(host.Request("echo $(whoami) $(id -u) $(id -g)", image), Token));
            CollectionAssert.AreEqual(new[] { "agent 2345 2346" }, host.Lines.ToArray());
        }
        finally
        {
            await DockerCli.RemoveImageAsync(image);
        }
    }

    // A file that is larger than any database of users is none.
    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task DatabaseThatIsTooLarge_CountsAsNone()
    {
        using SandboxHost host = new();
        string image = await DockerCli.ImportAsync(
            SandboxHost.BusyboxImage,
            ["USER node"],
            [
                (
                    "/etc/passwd",
                    Root
                        + "\nnode:x:1234:1235::/home/nobody:/bin/sh\n"
                        + string.Concat(
                            Enumerable.Range(2000, 40_000).Select(number => $"u{number}:x:{number}:1::/home/u{number}:/bin/sh\n")
                        )
                ),
            ],
            Token
        );
        try
        {
            AssertVerdict(Verdict.Passed, 0, await host.RunAsync(host.Request("whoami; id -u", image), Token));
            CollectionAssert.AreEqual(new[] { "agent", "1000" }, host.Lines.ToArray());
        }
        finally
        {
            await DockerCli.RemoveImageAsync(image);
        }
    }

    // The image's file is its own: nobody writes to what is shown in its place.
    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ShownFile_CannotBeWritten()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            """
            import os
            fd = os.open("/etc/passwd", os.O_RDONLY)
            for attempt in (lambda: os.write(fd, b"x"), lambda: os.open(f"/proc/self/fd/{fd}", os.O_RDWR), lambda: os.ftruncate(fd, 0), lambda: os.fchmod(fd, 0o666)):
                try:
                    attempt()
                    print("written")
                except OSError as e:
                    print("refused")
            print(os.get_inheritable(fd))
            """,
            Token,
            ("fail_on", "timeout")
        );
        CollectionAssert.AreEqual(new[] { "refused", "refused", "refused", "refused", "False" }, host.Lines.ToArray());
        Assert.AreEqual(Verdict.Passed, result.Verdict);
    }
}
