using IsolatedAgents.Outputs;

namespace IsolatedAgents.Core.Tests.Outputs;

[TestClass]
public sealed class OutputDirectoryTests
{
    public required TestContext TestContext { get; init; }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Replace_ManyAtOnce_LeavesTheFilesOfOneAndNothingElse()
    {
        const int Runs = 4;
        const int Rounds = 50;
        string root = Directory.CreateTempSubdirectory("isolated-agents-test-").FullName;
        try
        {
            string output = Path.Combine(root, "output");
            OutputDirectory directory = OutputDirectory.Open(output);
            await Task.WhenAll(
                Enumerable
                    .Range(0, Runs)
                    .Select(run =>
                        Task.Run(
                            () =>
                            {
                                for (int round = 0; round < Rounds; round++)
                                {
                                    string session = $"{run}-{round}";
                                    string staging = directory.CreateStaging(session);
                                    File.WriteAllText(Path.Combine(staging, "a"), session);
                                    File.WriteAllText(Path.Combine(staging, "b"), session);
                                    directory.Replace(staging, session, []);
                                }
                            },
                            TestContext.CancellationToken
                        )
                    )
            );
            Assert.AreEqual(output, Assert.ContainsSingle(Directory.GetFileSystemEntries(root)));
            Assert.AreEqual(File.ReadAllText(Path.Combine(output, "a")), File.ReadAllText(Path.Combine(output, "b")));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }
}
