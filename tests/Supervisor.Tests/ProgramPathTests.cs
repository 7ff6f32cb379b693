using IsolatedAgents.Supervisor.Launching;

namespace IsolatedAgents.Supervisor.Tests;

[TestClass]
public sealed class ProgramPathTests
{
    [TestMethod]
    public void Candidates_NameWithASlash_IsTakenAsItIs() =>
        CollectionAssert.AreEqual(new[] { "./agent" }, ProgramPath.Candidates("./agent", ["PATH=/bin"]).ToArray());

    [TestMethod]
    public void Candidates_PlainName_IsLookedForInTheAgentsOwnPath() =>
        CollectionAssert.AreEqual(
            new[] { "/opt/bin/node", "/bin/node" },
            ProgramPath.Candidates("node", ["A=1", "PATH=/opt/bin/::/bin"]).ToArray()
        );

    [TestMethod]
    public void Candidates_NoPath_UsesTheUsualFolders() => Assert.Contains("/usr/bin/env", ProgramPath.Candidates("env", []));
}
