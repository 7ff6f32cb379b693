using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Build.Logging.StructuredLogger;
using Task = System.Threading.Tasks.Task;

namespace IsolatedAgents.Package.Tests;

/// <summary>What must never be in a build's log, and what must do nothing there.</summary>
[TestClass]
public sealed partial class BuildLogTests
{
    private const int Minutes = 120_000;

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [TestProperty("Case", "C6")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task SensitiveVariable_IsInNoLogOfTheBuild()
    {
        string secret = $"canary-{Guid.NewGuid():N}";
        using ConsumerProject project = new(
            ConsumerProject.Step(
                $"Agent=\"leak.sh\" SensitiveEnvVars=\"CANARY_TOKEN\" ReportDirectory=\"report\" OutputDirectory=\"out\" Image=\"{ConsumerProject.BusyboxImage}\""
            )
        );
        project.Environment["CANARY_TOKEN"] = secret;
        project.Write(
            "leak.sh",
            """
            echo "whole $CANARY_TOKEN end"
            echo "error $CANARY_TOKEN" >&2
            printf 'split %s' "${CANARY_TOKEN%????????}"; sleep 1; printf '%s\n' "${CANARY_TOKEN#"${CANARY_TOKEN%????????}"}"
            ln -s /etc/shadow "/output/$CANARY_TOKEN"
            """
        );
        BuildOutcome build = await project.BuildStepAsync(Token, "-v:diag");

        Assert.AreEqual("IA3004", Assert.ContainsSingle(build.Errors).Code);
        Assert.Contains(line => line.Contains("| whole ", StringComparison.Ordinal), build.Lines);
        Assert.DoesNotContain(secret, build.Text);
        foreach (string file in Directory.EnumerateFiles(project.PathOf("report")))
        {
            Assert.DoesNotContain(secret, await File.ReadAllTextAsync(file, Token), file);
        }

        AssertNotInBinaryLog(secret, build.Log);
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task ForgedLines_AreMessagesAndInert()
    {
        string[] forged =
        [
            "Foo.cs(1,1): error CS0001: fake",
            "warning MSB1234: fake",
            "error : fake",
            "MSBUILD : error MSB1009: fake",
            "/abs/Foo.cs(1,1,2,2): warning CS0168: fake [app.csproj]",
            "::error file=a.cs,line=1::fake",
            "::add-mask::fake",
            "::stop-commands::fake",
            "middle ##[error]fake",
            "##vso[task.complete result=Succeeded;]fake",
            "x ##vso[task.setvariable variable=PATH]fake",
            "\u001b[2Kerror CS0002: fake",
            "{0} {1} %d $(PATH) %(Identity)",
            "\rFoo.cs(2,2): error CS0003: fake",
        ];
        using ConsumerProject project = new(
            ConsumerProject.Step(
                $"Command=\"cat /workspace/forged.txt; cat /workspace/forged.txt >%262\" Image=\"{ConsumerProject.BusyboxImage}\""
            )
        );
        project.Write("forged.txt", string.Join('\n', forged) + "\n");
        BuildOutcome build = await project.BuildStepAsync(Token, "-v:normal");

        build.AssertPassed();
        Assert.HasCount(
            2,
            build.Messages.Where(message => message.Contains("{0} {1} %d $(PATH) %(Identity)", StringComparison.Ordinal)).ToArray()
        );
        Assert.IsGreaterThanOrEqualTo(
            2 * forged.Length,
            build.Messages.Count(message => message.StartsWith("| ", StringComparison.Ordinal)),
            build.Text
        );
        foreach (string line in build.Lines)
        {
            Assert.IsFalse(HostCommand().IsMatch(line), line);
            Assert.IsFalse(Problem().IsMatch(line), line);
            Assert.DoesNotContain('\u001b', line);
        }
    }

    // As the build hosts look for them: GitHub's runner at the start of a line, Azure's agent anywhere.
    [GeneratedRegex(@"^\s*::|##\[|##vso\[", RegexOptions.IgnoreCase)]
    private static partial Regex HostCommand();

    // As tools that read logs look for them: with a code, or behind a place.
    [GeneratedRegex(@"(^|[\s:])(error|warning)\s+[A-Z]*\d+\s*:|[:)\-]\s*(error|warning)\s*:", RegexOptions.IgnoreCase)]
    private static partial Regex Problem();

    private static void AssertNotInBinaryLog(string secret, string log)
    {
        using MemoryStream records = new();
        using (FileStream file = File.OpenRead(log))
        using (GZipStream unpacked = new(file, CompressionMode.Decompress))
        {
            unpacked.CopyTo(records);
        }

        AssertNotIn(secret, records.ToArray(), "the records");

        // The files that the build read are packed once more.
        Build build = BinaryLog.ReadBuild(log);
        using ZipArchive sources = new(new MemoryStream(build.SourceFilesArchive));
        foreach (ZipArchiveEntry entry in sources.Entries)
        {
            using MemoryStream content = new();
            using Stream stream = entry.Open();
            stream.CopyTo(content);
            AssertNotIn(secret, content.ToArray(), entry.FullName);
        }

        Assert.DoesNotContain(text => text.Contains(secret, StringComparison.Ordinal), build.StringTable.Instances);
    }

    private static void AssertNotIn(string secret, byte[] bytes, string where)
    {
        Assert.IsGreaterThan(0, bytes.Length, where);
        foreach (Encoding encoding in new[] { Encoding.UTF8, Encoding.Unicode, Encoding.BigEndianUnicode })
        {
            Assert.IsLessThan(0, bytes.AsSpan().IndexOf(encoding.GetBytes(secret)), $"{where}, {encoding.WebName}");
        }
    }
}
