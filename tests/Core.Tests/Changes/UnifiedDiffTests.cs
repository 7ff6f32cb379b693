using System.Diagnostics;
using IsolatedAgents.Changes;

namespace IsolatedAgents.Core.Tests.Changes;

[TestClass]
public sealed class UnifiedDiffTests(TestContext context)
{
    [TestMethod]
    [DataRow("", "a\nb\n")]
    [DataRow("", "a")]
    [DataRow("a\n", "")]
    [DataRow("a", "a\n")]
    [DataRow("a\n", "a")]
    [DataRow("a", "b")]
    [DataRow("a\r\nb\r\n", "a\r\nc\r\n")]
    [DataRow("a\rb\n", "a\rc\n")]
    [DataRow("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n", "1\nx\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\ny\n15\n")]
    [DataRow("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "0\n1\n2\n3\n5\n6\n7\n9\n10\n11\n")]
    [DataRow("\n\n\n", "\n\n")]
    [DataRow("--- a\n+++ b\n", "-- a\n@@ -1 +1 @@\n")]
    public async Task Create_AnyChange_IsWhatGitApplies(string before, string after)
    {
        string folder = Directory.CreateTempSubdirectory("isolated-agents-diff-").FullName;
        try
        {
            string file = Path.Combine(folder, "f");
            if (before.Length > 0)
            {
                await File.WriteAllTextAsync(file, before, context.CancellationToken);
            }

            await File.WriteAllTextAsync(
                Path.Combine(folder, "p"),
                UnifiedDiff.Create(before, after, before.Length > 0 ? "a/f" : "/dev/null", after.Length > 0 ? "b/f" : "/dev/null"),
                context.CancellationToken
            );
            using Process git = Process.Start(
                new ProcessStartInfo("git", ["apply", "--whitespace=nowarn", "p"])
                {
                    WorkingDirectory = folder,
                    RedirectStandardError = true,
                }
            )!;
            string error = await git.StandardError.ReadToEndAsync(context.CancellationToken);
            await git.WaitForExitAsync(context.CancellationToken);
            Assert.AreEqual(0, git.ExitCode, error);
            Assert.AreEqual(after, File.Exists(file) ? await File.ReadAllTextAsync(file, context.CancellationToken) : "");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestMethod]
    public void Create_NoChange_IsEmpty() => Assert.AreEqual("", UnifiedDiff.Create("a\n", "a\n", "a/f", "b/f"));
}
