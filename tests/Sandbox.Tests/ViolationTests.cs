using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox.Tests.Engine;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>What the policy forbids is refused and told, by whatever way it is tried.</summary>
[TestClass]
public sealed class ViolationTests(TestContext context)
{
    private const int Minute = 60_000;

    // World-readable, in every sandbox, and in nobody's policy.
    private const string Forbidden = "/sys/kernel/uevent_seqnum";

    // sendmmsg(2) with a harmless message before the other: struct mmsghdr of include/linux/socket.h, 64 bytes each.
    private const string SendTwoMessages = """
        import ctypes, struct
          s = socket.socket(type=socket.SOCK_DGRAM)
          a = [ctypes.create_string_buffer(struct.pack('<HH4s8x', 2, socket.htons(53), socket.inet_aton(h)), 16) for h in ('127.0.0.1', '8.8.4.4')]
          m = ctypes.create_string_buffer(b''.join(struct.pack('<QI4xQQQQI4xI4x', ctypes.addressof(x), 16, 0, 0, 0, 0, 0, 0) for x in a), 128)
          if ctypes.CDLL(None, use_errno=True).sendmmsg(s.fileno(), m, 2, 0) < 0: raise OSError(ctypes.get_errno(), '')
        """;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "F7")]
    [TestProperty("Case", "F8")]
    [DataRow("open('/etc/shadow')", "/etc/shadow")]
    [DataRow("open('/proc/1/mem', 'rb')", "/proc/1/mem")]
    [DataRow("os.open('/proc/1/fd', os.O_RDONLY)", "/proc/1/fd")]
    [DataRow("os.open('/proc/1/root', os.O_RDONLY)", "/proc/1/root")]
    [DataRow("os.chdir('/proc/1'); os.open('ns', os.O_RDONLY)", "/proc/1/ns")]
    [DataRow("open('/proc/1/io')", "/proc/1/io")]
    [DataRow("open('/proc/1/root/etc/passwd')", "/proc/1/root/etc/passwd")]
    [DataRow("open('/proc/1/cwd/../etc/passwd')", "/proc/1/cwd/../etc/passwd")]
    [DataRow("open('/proc/1/fd/0')", "/proc/1/fd/0")]
    [DataRow("os.symlink('/proc/1/root', '/tmp/s'); open('/tmp/s/etc/passwd')", "/proc/1/root/etc/passwd")]
    [DataRow($"open('{Forbidden}')", Forbidden)]
    [DataRow("open('/tmp/../sys//kernel/./uevent_seqnum')", Forbidden)]
    [DataRow("open('/proc/self/root/sys/kernel/uevent_seqnum')", Forbidden)]
    [DataRow("open('/proc/thread-self/root/sys/kernel/uevent_seqnum')", Forbidden)]
    [DataRow("os.symlink('/sys', '/tmp/s'); open('/tmp/s/kernel/uevent_seqnum')", Forbidden)]
    [DataRow("os.symlink('../sys/kernel', '/tmp/s'); os.symlink('s/uevent_seqnum', '/tmp/t'); open('/tmp/t')", Forbidden)]
    [DataRow("os.open('uevent_seqnum', 0, dir_fd=os.open('/sys/kernel', os.O_RDONLY | os.O_DIRECTORY))", Forbidden)]
    [DataRow("os.chdir('/sys'); open('kernel/uevent_seqnum')", Forbidden)]
    [DataRow("f = os.open('/sys/kernel/uevent_seqnum', os.O_PATH); open(f'/proc/self/fd/{f}')", Forbidden)]
    [DataRow("f = os.open('/sys', os.O_PATH); open(f'/dev/fd/{f}/kernel/uevent_seqnum')", Forbidden)]
    [DataRow("os.link('/sys/kernel/uevent_seqnum', '/tmp/mine')", Forbidden)]
    [DataRow("os.execv('/.isolated-agents/supervisor', ['x'])", "/.isolated-agents/supervisor")]
    [DataRow("open('/workspace/new', 'w')", "/workspace/new")]
    [DataRow("os.rename('/tmp', '/workspace/t')", "/workspace/t")]
    [DataRow("open('/proc/sys/kernel/hostname', 'w')", "/proc/sys/kernel/hostname")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ForbiddenPath_IsRefusedAndTold(string attempt, string path)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            $"import os\ntry:\n  {attempt}\n  print('done')\nexcept PermissionError as e: print(e.errno)",
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        Assert.AreEqual("13", host.Lines[^1]);
        Assert.AreEqual(path, Assert.ContainsSingle(result.Violations).Subject);
    }

    // Whatever there is below process 1: what is refused is told, and what is told is refused.
    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task EveryFileOfProcessOne_IsToldWhereItIsRefused()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            """
            import os
            for name in sorted(os.listdir('/proc/1')):
              try: os.close(os.open('/proc/1/' + name, os.O_RDONLY))
              except PermissionError: print('refused /proc/1/' + name)
              except OSError: pass
            """,
            Token,
            ("strict", "true")
        );
        string[] refused =
        [
            .. host
                .Lines.Where(line => line.StartsWith("refused ", StringComparison.Ordinal))
                .Select(line => line["refused ".Length..])
                .Distinct()
                .Order(StringComparer.Ordinal),
        ];
        Assert.IsGreaterThan(10, refused.Length);
        CollectionAssert.AreEqual(
            refused,
            result.Violations.Select(violation => violation.Subject).Order(StringComparer.Ordinal).ToArray()
        );
    }

    [TestMethod]
    [DataRow("/workspace/.github", "/workspace/.github")]
    [DataRow("/workspace/sub/../.VSCODE/x", "/workspace/.VSCODE/x")]
    [DataRow("/usr/socket", "/usr/socket")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task SocketAtAPathThatMayNotBeWritten_IsRefusedAndTold(string path, string subject)
    {
        using SandboxHost host = new();
        Directory.CreateDirectory(Path.Combine(host.Workspace, "sub"));
        AgentRunResult result = await host.RunScriptAsync(
            $"import socket\ns = socket.socket(socket.AF_UNIX)\ntry:\n  s.bind('{path}')\n  print('done')\nexcept PermissionError as e: print(e.errno)\nt = socket.socket(socket.AF_UNIX); t.bind('/tmp/fine'); t2 = socket.socket(socket.AF_UNIX); t2.bind(chr(0) + 'abstract')",
            Token,
            ("filesystem.workspace", "write")
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        Assert.AreEqual("13", host.Lines[^1]);
        Assert.AreEqual(subject, Assert.ContainsSingle(result.Violations).Subject);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AllowedReadPath_IsReadable()
    {
        using SandboxHost host = new();
        AssertVerdict(
            Verdict.Passed,
            0,
            await host.RunAsync(
                $"cat {Forbidden}",
                Token,
                ("filesystem.allowed_read_paths", "/sys/kernel"),
                ("isolation.require", "landlock")
            )
        );
        Assert.HasCount(1, host.Lines);
    }

    [TestMethod]
    [DataRow("docker", EngineCli.DockerSocket)]
    [DataRow("podman", EngineCli.PodmanSocket)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task AllowedWritePath_IsEmptyAndWritableAndNothingElseIs(string engine, string socket)
    {
        EngineRequirements.Require(socket, engine == "docker" ? EngineRequirements.Docker : EngineRequirements.Podman);
        using SandboxHost host = new();
        host.Environment["DOCKER_HOST"] = $"unix://{socket}";
        AgentRunResult result = await host.RunAsync(
            "ls -A /srv/cache /var/spool; mkdir /srv/cache/a && echo 1 > /var/spool/x && cat /var/spool/x; mkdir /srv/other 2>/dev/null; exit 0",
            Token,
            ("filesystem.allowed_write_paths", "/srv/cache|/var/spool|/tmp/mine")
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        Assert.AreEqual("/srv/other", Assert.ContainsSingle(result.Violations).Subject);
        Assert.AreEqual("/srv/cache:||/var/spool:|1", string.Join('|', host.Lines));
    }

    [TestMethod]
    [TestProperty("Case", "E12")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task PathSwappedBetweenCheckAndUse_IsDeniedByLandlock()
    {
        using SandboxHost host = new();
        await File.WriteAllTextAsync(Path.Combine(host.Workspace, "fine"), "fine", Token);
        AgentRunResult result = await host.RunScriptAsync(
            $$"""
            import ctypes, os, threading, time
            libc = ctypes.CDLL(None, use_errno=True)
            fine, forbidden = b"/workspace/fine\0", b"{{Forbidden}}\0"
            path = ctypes.create_string_buffer(64)
            over = False
            def swap():
                while not over:
                    ctypes.memmove(path, fine, len(fine))
                    ctypes.memmove(path, forbidden, len(forbidden))
            threading.Thread(target=swap).start()
            seen = {}
            end = time.monotonic() + 3
            while time.monotonic() < end:
                fd = libc.open(path, 0)
                what = os.read(fd, 64) if fd >= 0 else -ctypes.get_errno()
                if fd >= 0: os.close(fd)
                seen[what] = seen.get(what, 0) + 1
            over = True
            print(sorted(map(str, seen)))
            """,
            Token
        );
        Assert.AreEqual(Verdict.PolicyViolation, result.Verdict);
        Assert.Contains("b'fine'", host.Lines[^1]);
        Assert.Contains("-13", host.Lines[^1]);
        Assert.DoesNotMatchRegex("b'[0-9]", host.Lines[^1]);
    }

    [TestMethod]
    [TestProperty("Case", "E11")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ProcessThatCannotBeLookedInto_IsStillJudged()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            $"import ctypes\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\nopen('/etc/passwd').read()\ntry: open('{Forbidden}')\nexcept PermissionError: print('refused')",
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        Assert.AreEqual("refused", host.Lines[^1]);
        Assert.AreEqual(Forbidden, Assert.ContainsSingle(result.Violations).Subject);
    }

    [TestMethod]
    [TestProperty("Case", "E11")]
    [DataRow("os.open(name, os.O_RDONLY, dir_fd=folder)")]
    [DataRow("os.open(f'/proc/self/fd/{folder}/{name}', os.O_RDONLY)")]
    [DataRow("os.chdir(folder) or os.open(name, os.O_RDONLY)")]
    [DataRow("os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=folder)")]
    [DataRow("in_thread(lambda: os.open(name, os.O_RDONLY, dir_fd=folder))")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task DescriptorOfAProcessThatCannotBeLookedInto_IsStillFollowed(string call)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            $$"""
            import concurrent.futures, ctypes, os
            def in_thread(work):
                with concurrent.futures.ThreadPoolExecutor(1) as other: return other.submit(work).result()
            ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
            path, name = os.path.split('{{Forbidden}}')
            folder = os.open(path, os.O_PATH)
            # Again, when what was held open serves.
            for i in range(3):
                try: {{call}}
                except PermissionError: print('refused')
            """,
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        Assert.AreEqual("refused", host.Lines[^1]);
        Assert.AreEqual(Forbidden, Assert.ContainsSingle(result.Violations).Subject);
    }

    [TestMethod]
    [TestProperty("Case", "E10")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Entry32Bit_IsRefusedAndTold()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            """
            import ctypes, mmap
            # mov eax, 20 (getpid of i386); int 0x80; ret
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
            print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())
            """,
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.ProcessViolation);
        Assert.AreEqual("-1", host.Lines[^1]);
        Assert.AreEqual("32-bit system call 20", Assert.ContainsSingle(result.Violations).Subject);
    }

    [TestMethod]
    [TestProperty("Case", "N1")]
    [TestProperty("Case", "N2")]
    [TestProperty("Case", "N3")]
    [DataRow("socket.create_connection(('1.1.1.1', 443), 5)", "1.1.1.1:443")]
    [DataRow("socket.create_connection(('0x01010101', 443), 5)", "1.1.1.1:443")]
    [DataRow("s = socket.socket(socket.AF_INET6); s.connect(('::ffff:1.1.1.1', 443))", "1.1.1.1:443")]
    [DataRow("s = socket.socket(socket.AF_INET6); s.connect(('2606:4700::1111', 443))", "[2606:4700::1111]:443")]
    [DataRow("socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53))", "8.8.8.8:53")]
    [DataRow("socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('8.8.8.8', 53))", "8.8.8.8:53")]
    [DataRow("socket.socket().sendto(b'x', 0x20000000, ('1.1.1.1', 443))", "1.1.1.1:443")]
    [DataRow(SendTwoMessages, "8.8.4.4:53")]
    [DataRow("socket.create_connection(('169.254.169.254', 80), 5)", "169.254.169.254:80")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Destination_IsRefusedAtOnceAndTold(string attempt, string destination)
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunScriptAsync(
            $"import socket\ntry:\n  {attempt}\n  print('sent')\nexcept OSError as e: print(e.errno)",
            Token
        );
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.NetworkViolation);
        Assert.AreEqual("111", host.Lines[^1]);
        Assert.AreEqual(destination, Assert.ContainsSingle(result.Violations).Subject);
        Assert.ContainsSingle(host.Events.OfType<NetworkBlocked>());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task OnViolationStop_EndsTheAgentAtOnce()
    {
        using SandboxHost host = new();
        AgentRunResult result = await host.RunAsync($"cat {Forbidden}; sleep 600; echo late", Token, ("on_violation", "stop"));
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        Assert.DoesNotContain("late", host.Lines);
        Assert.IsLessThan(TimeSpan.FromSeconds(30), result.Duration);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task ExpectedViolation_IsToldAndDoesNotFail()
    {
        using SandboxHost host = new();
        await File.WriteAllTextAsync(
            Path.Combine(host.Root, "policy.json"),
            """{ "on_violation": "stop", "expected_violations": [{ "kind": "filesystem", "match": "/sys/kernel/*", "reason": "it looks for events" }, { "kind": "network", "match": "1.1.1.1*", "reason": "it calls home" }] }""",
            Token
        );
        AgentRunRequest request = host.Request(
            $"cat {Forbidden}; python3 -c 'import socket; socket.create_connection((\"1.1.1.1\", 443))'; exit 0",
            SandboxHost.PythonImage
        ) with
        {
            PolicyFile = "policy.json",
        };
        AssertVerdict(Verdict.Passed, 0, await host.RunAsync(request, Token));
        Assert.IsTrue(Assert.ContainsSingle(host.Events.OfType<ViolationFilesystem>()).Expected);
        Assert.IsTrue(Assert.ContainsSingle(host.Events.OfType<ViolationNetwork>()).Expected);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task KernelWithoutLandlock_IsReported()
    {
        using SandboxHost host = new();
        using RewritingEngineProxy proxy = UnfaithfulEngineTests.Proxy(host, HideLandlock);
        AgentRunResult result = await host.RunAsync($"cat {Forbidden}; exit 0", Token);
        AssertVerdict(Verdict.PolicyViolation, 3, result, DiagnosticTable.FilesystemViolation);
        LabeledValue told = Assert.ContainsSingle(host.Events.OfType<SandboxVerified>()).Probes.Single(probe => probe.Label == "Landlock");
        Assert.AreEqual("not in this kernel", told.Value);
        Assert.Contains(
            diagnostic => diagnostic.Code == DiagnosticTable.IsolationUnavailable && diagnostic.Severity == DiagnosticSeverity.Warning,
            result.Diagnostics
        );
    }

    [TestMethod]
    [TestProperty("Case", "R9")]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task KernelWithoutLandlockWherePolicyRequiresIt_RunsNothing()
    {
        using SandboxHost host = new();
        using RewritingEngineProxy proxy = UnfaithfulEngineTests.Proxy(host, HideLandlock);
        AgentRunResult result = await host.RunAsync("echo ran", Token, ("isolation.require", "landlock"));
        AssertVerdict(Verdict.EngineError, 6, result, DiagnosticTable.IsolationUnavailable);
        Assert.IsEmpty(host.Lines);
    }

    private static void HideLandlock(System.Text.Json.Nodes.JsonObject settings)
    {
        System.Text.Json.Nodes.JsonArray options = settings["HostConfig"]!["SecurityOpt"]!.AsArray();
        int profile = Enumerable
            .Range(0, options.Count)
            .Single(index => ((string)options[index]!).StartsWith("seccomp=", StringComparison.Ordinal));
        options[profile] = ((string)options[profile]!).Replace("\"landlock_create_ruleset\",", "", StringComparison.Ordinal);
    }
}
