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
    public async Task Verify_MissingFile_IsOneErrorAndExitCode2()
    {
        using CommandLineFixture fixture = new();
        Assert.AreEqual(2, await fixture.InvokeAsync(TestContext.CancellationToken, "audit", "verify", "missing.jsonl"));
        Assert.StartsWith("error IA1003: The audit log 'missing.jsonl' cannot be read: ", fixture.Error);
    }
}
