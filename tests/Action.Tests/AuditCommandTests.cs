namespace IsolatedAgents.Action.Tests;

[TestClass]
public sealed class AuditCommandTests
{
    public required TestContext TestContext { get; init; }

    [TestMethod]
    public async Task Verify_NoAuditLog_NamesTheLine()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("a.jsonl", "{}\n");
        Assert.AreEqual(1, await fixture.InvokeAsync(TestContext.CancellationToken, "audit", "verify", "a.jsonl"));
        Assert.AreEqual("tampered: Line 1: it is no entry.\n", fixture.Output.ReplaceLineEndings("\n"));
    }

    [TestMethod]
    public async Task Verify_Json_IsOneObject()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("a.jsonl", "");
        Assert.AreEqual(1, await fixture.InvokeAsync(TestContext.CancellationToken, "audit", "verify", "a.jsonl", "--json"));
        Assert.AreEqual("Empty", System.Text.Json.Nodes.JsonNode.Parse(fixture.Output)!["status"]!.GetValue<string>());
    }

    [TestMethod]
    [DataRow("/dev/zero")]
    [DataRow("/dev/tty")]
    [DataRow("/tmp")]
    [DataRow("pipe")]
    [Timeout(10_000, CooperativeCancellation = true)]
    public async Task Verify_NoRegularFile_IsRefusedAtOnce(string name)
    {
        using CommandLineFixture fixture = new();
        using System.Diagnostics.Process made = System.Diagnostics.Process.Start("mkfifo", [Path.Combine(fixture.Folder, "pipe")]);
        await made.WaitForExitAsync(TestContext.CancellationToken);
        Assert.AreEqual(2, await fixture.InvokeAsync(TestContext.CancellationToken, "audit", "verify", name));
        Assert.AreEqual(
            $"error IA1003: The audit log '{name}' cannot be read: It is not a regular file. Name an existing file.\n",
            fixture.Error.ReplaceLineEndings("\n")
        );
    }

    [TestMethod]
    public async Task Verify_Cancelled_EndsWithoutAWord()
    {
        using CommandLineFixture fixture = new();
        fixture.Write("a.jsonl", "{}\n");
        Assert.AreEqual(130, await fixture.InvokeAsync(new CancellationToken(canceled: true), "audit", "verify", "a.jsonl"));
        Assert.AreEqual("", fixture.Output);
    }

    [TestMethod]
    public async Task Verify_MissingFile_IsOneErrorAndExitCode2()
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(2, await fixture.InvokeAsync(TestContext.CancellationToken, "audit", "verify", "missing.jsonl"));
        Assert.StartsWith("error IA1003: The audit log 'missing.jsonl' cannot be read: ", fixture.Error);
    }
}
