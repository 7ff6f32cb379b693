using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Core.Tests.Policies;

[TestClass]
public sealed class MountRuleTests
{
    private const string Never = "which never goes into a sandbox; mount a folder of your own that holds just what the agent needs";

    [TestMethod]
    [DataRow("/")]
    [DataRow("/proc")]
    [DataRow("/proc/1/root")]
    [DataRow("/sys")]
    [DataRow("/dev")]
    [DataRow("/run")]
    [DataRow("/var/run")]
    [DataRow("/var")]
    [DataRow("/etc")]
    [DataRow("/etc/shadow")]
    [DataRow("/tmp")]
    [DataRow("/home")]
    [DataRow("/home/alice")]
    [DataRow("/home/alice/.ssh/id_ed25519")]
    [DataRow("/root/.aws")]
    [DataRow("/Users/alice/.kube")]
    [DataRow("/usr/../proc")]
    [DataRow("//proc")]
    [DataRow("~")]
    [DataRow("~/.ssh")]
    [DataRow("~/.aws/credentials")]
    [DataRow("~/.docker")]
    [DataRow("~/.kube/config")]
    [DataRow("~/.gnupg")]
    [DataRow("/var/run/docker.sock")]
    [DataRow("/srv/docker.sock")]
    [DataRow("/run/user/1000/podman/podman.sock")]
    [DataRow("/run/containerd/containerd.sock")]
    [DataRow("/tmp/ssh-abc/agent.123")]
    [DataRow("/run/dbus/system_bus_socket")]
    [DataRow("/run/user/1000/bus")]
    public void Mount_DangerousHostPath_IsRefused(string host)
    {
        using PolicyFixture fixture = new();
        string error = fixture.Error($$"""{ "readonly_mounts": ["{{host}}:/mnt/x"] }""");
        Assert.StartsWith($"policy.json(1,23): error IA1001: 'readonly_mounts' entry '{host}:/mnt/x' is refused: ", error);
        Assert.DoesNotContain("does not exist", error);
    }

    [TestMethod]
    public void Mount_LinkToClosedFolder_IsJudgedResolved()
    {
        using PolicyFixture fixture = new();
        Directory.CreateSymbolicLink(Path.Combine(fixture.Base, "innocent"), "/proc");
        Assert.AreEqual(
            $"policy.json(1,23): error IA1001: 'readonly_mounts' entry 'innocent:/mnt/x' is refused: the host path '/proc' meets '/proc', {Never}.",
            fixture.Error("""{ "readonly_mounts": ["innocent:/mnt/x"] }""")
        );
    }

    [TestMethod]
    public void Mount_FolderBehindLinkedParent_IsJudgedResolved()
    {
        using PolicyFixture fixture = new();
        Directory.CreateDirectory(Path.Combine(fixture.Home, ".ssh", "keys"));
        Directory.CreateSymbolicLink(Path.Combine(fixture.Base, "a"), "b");
        Directory.CreateSymbolicLink(Path.Combine(fixture.Base, "b"), "../home/.ssh");
        Assert.Contains(".ssh', " + Never, fixture.Error("""{ "readonly_mounts": ["a/keys:/mnt/x"] }"""));
    }

    [TestMethod]
    public void Mount_LinkCircle_IsRefused()
    {
        using PolicyFixture fixture = new();
        Directory.CreateSymbolicLink(Path.Combine(fixture.Base, "a"), "b");
        Directory.CreateSymbolicLink(Path.Combine(fixture.Base, "b"), "a");
        Assert.Contains("cannot be followed; name the folder that is meant.", fixture.Error("""{ "readonly_mounts": ["a:/mnt/x"] }"""));
    }

    [TestMethod]
    public void Mount_DanglingLink_IsRefused()
    {
        using PolicyFixture fixture = new();
        string link = Path.Combine(fixture.Base, "a");
        File.CreateSymbolicLink(link, "nowhere");
        Assert.Contains(
            $"the host path '{link}' does not exist; create it or leave the mount out.",
            fixture.Error("""{ "readonly_mounts": ["a:/mnt/x"] }""")
        );
    }

    [TestMethod]
    public void Mount_FolderHoldingEngineSocket_IsRefused()
    {
        using PolicyFixture fixture = new();
        Directory.CreateDirectory(Path.Combine(fixture.Base, "d"));
        File.WriteAllText(Path.Combine(fixture.Base, "d", "docker.sock"), "");
        Assert.Contains("holds the socket 'docker.sock'", fixture.Error("""{ "readonly_mounts": ["d:/mnt/x"] }"""));
    }

    [TestMethod]
    [DataRow("/", "/proc")]
    [DataRow("/proc/x", "/proc")]
    [DataRow("/sys", "/sys")]
    [DataRow("/dev/shm", "/dev")]
    [DataRow("/output", "/output")]
    [DataRow("/workspace/", "/workspace")]
    [DataRow("/agent", "/agent")]
    [DataRow("//tmp", "/tmp")]
    [DataRow("/etc", "/etc/resolv.conf")]
    [DataRow("/.isolated-agents/x", "/.isolated-agents")]
    public void Mount_ReservedTarget_IsRefused(string target, string reserved)
    {
        using PolicyFixture fixture = new();
        Directory.CreateDirectory(Path.Combine(fixture.Base, "d"));
        string normal = "/" + target.Trim('/');
        Assert.AreEqual(
            $"policy.json(1,23): error IA1001: 'readonly_mounts' entry 'd:{target}' is refused: the sandbox path '{normal}' meets '{reserved}', which the sandbox itself sets up; mount it elsewhere, such as '/mnt/data'.",
            fixture.Error($$"""{ "readonly_mounts": ["d:{{target}}"] }""")
        );
    }

    [TestMethod]
    [DataRow("d", "a mount is written 'host:sandbox', the sandbox path absolute, such as 'data:/mnt/data'")]
    [DataRow("d:mnt", "a mount is written 'host:sandbox', the sandbox path absolute, such as 'data:/mnt/data'")]
    [DataRow("d:/mnt/x:rw", "the sandbox path holds ':'; write 'host:sandbox' without a mode, a mount is always read-only")]
    [DataRow("~bob/x:/mnt/x", "'~' stands for your own home alone; write the other path in full")]
    public void Mount_WrongForm_SaysWhy(string entry, string problem)
    {
        using PolicyFixture fixture = new();
        Assert.AreEqual(
            $"policy.json(1,23): error IA1001: 'readonly_mounts' entry '{entry}' is refused: {problem}.",
            fixture.Error($$"""{ "readonly_mounts": ["{{entry}}"] }""")
        );
    }

    [TestMethod]
    public void Mount_HomeUnknown_SaysSo()
    {
        using PolicyFixture fixture = new();
        ConfigurationException e = Assert.ThrowsExactly<ConfigurationException>(() =>
            PolicyLoader.Load(null, fixture.Base, null, [PolicyFixture.Parameter("readonly_mounts", "~/x:/mnt/x")])
        );
        Assert.Contains("'~' stands for a home folder, but none is known here", e.Message);
    }

    [TestMethod]
    public void Mount_SameTargetTwice_IsRefused()
    {
        using PolicyFixture fixture = new();
        Directory.CreateDirectory(Path.Combine(fixture.Base, "d"));
        Assert.AreEqual(
            "policy.json(1,35): error IA1001: 'readonly_mounts' entry 'd:/mnt//x' is refused: another entry has the same sandbox path '/mnt/x'; keep one of them.",
            fixture.Error("""{ "readonly_mounts": ["d:/mnt/x", "d:/mnt//x"] }""")
        );
    }

    [TestMethod]
    public void Mount_OwnFolder_IsResolved()
    {
        using PolicyFixture fixture = new();
        string real = Path.Combine(fixture.Base, "real");
        Directory.CreateDirectory(real);
        Directory.CreateDirectory(Path.Combine(fixture.Home, "data"));
        Directory.CreateSymbolicLink(Path.Combine(fixture.Base, "link"), "real");
        LoadedPolicy loaded = fixture.Load("""{ "readonly_mounts": ["link:/mnt/a", "~/data:/mnt/b/"] }""");
        Assert.AreSequenceEqual(
            [new ReadonlyMount(real, "/mnt/a"), new ReadonlyMount(Path.Combine(fixture.Home, "data"), "/mnt/b")],
            loaded.Policy.ReadonlyMounts
        );
    }
}
