using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using IsolatedAgents.Audit;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;

namespace IsolatedAgents.Core.Tests.Audit;

[TestClass]
public sealed class AuditLogTests
{
    public required TestContext TestContext { get; init; }

    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("isolated-agents-audit-").FullName, "audit.jsonl");

    [TestCleanup]
    public void Delete() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [TestMethod]
    public void Verify_SealedRun_IsSealedAndKnowsItsHead()
    {
        string head = Record("run1", events: 20, isSealed: true);
        AuditVerification verification = Verify(head);
        Assert.AreEqual(AuditStatus.Sealed, verification.Status);
        Assert.AreEqual(22, verification.Entries);
        Assert.AreEqual(head, verification.Head);
    }

    [TestMethod]
    public void Verify_TwoRunsInOneFile_AreOneChain()
    {
        string first = Record("run1", events: 3, isSealed: true);
        string second = Record("run2", events: 4, isSealed: true);
        Assert.AreEqual(AuditStatus.Sealed, Verify(second).Status);
        Assert.AreEqual(AuditStatus.Sealed, Verify(first).Status, "the head of an earlier run is still in the chain");
        Assert.AreEqual(11, Verify(second).Entries);
    }

    [TestMethod]
    public void Verify_NoSeal_IsUnsealedAndNotTampered()
    {
        Record("run1", events: 5, isSealed: false);
        Assert.AreEqual(AuditStatus.Unsealed, Verify(null).Status);
    }

    [TestMethod]
    public void Verify_TornAtAnyByte_IsUnsealedWithoutAHeadAndCutWithOne()
    {
        string head = Record("run1", events: 3, isSealed: true);
        byte[] whole = File.ReadAllBytes(_path);
        for (int length = 1; length < whole.Length; length += 7)
        {
            File.WriteAllBytes(_path, whole[..length]);
            Assert.AreEqual(AuditStatus.Unsealed, Verify(null).Status, $"torn at {length}");
            Assert.AreEqual(AuditStatus.Cut, Verify(head).Status, $"torn at {length}");
        }
    }

    [TestMethod]
    [TestProperty("Case", "C7")]
    public void OneByteChangedAnywhere_NamesThatLine()
    {
        Record("run1", events: 8, isSealed: true);
        byte[] whole = File.ReadAllBytes(_path);
        Random random = new(20261122);
        for (int round = 0; round < 500; round++)
        {
            byte[] changed = [.. whole];
            int position = random.Next(whole.Length - 1);
            changed[position] ^= (byte)(1 << random.Next(7));
            if (changed[position] == '\n' || whole[position] == '\n')
            {
                continue;
            }

            File.WriteAllBytes(_path, changed);
            AuditVerification verification = Verify(null);
            Assert.AreEqual(AuditStatus.Tampered, verification.Status, $"byte {position}");
            Assert.AreEqual(whole[..position].Count(value => value == '\n') + 1, verification.Line, $"byte {position}");
        }
    }

    [TestMethod]
    [TestProperty("Case", "C7")]
    public void LineTakenOutDoubledOrMoved_NamesThatLine()
    {
        Record("run1", events: 8, isSealed: true);
        string[] lines = File.ReadAllLines(_path);
        AssertTampered(4, [.. lines[..3], .. lines[4..]]);
        AssertTampered(5, [.. lines[..4], .. lines[3..]]);
        AssertTampered(3, [.. lines[..2], lines[3], lines[2], .. lines[4..]]);
        AssertTampered(1, lines[1..]);
    }

    [TestMethod]
    [TestProperty("Case", "C7")]
    public void EndCutOffOrAllReplaced_IsSeenWithTheHead()
    {
        string head = Record("run1", events: 8, isSealed: true);
        string[] lines = File.ReadAllLines(_path);
        Write(lines[..5]);
        Assert.AreEqual(AuditStatus.Cut, Verify(head).Status);
        File.Delete(_path);
        Record("run1", events: 2, isSealed: true);
        Assert.AreEqual(AuditStatus.Cut, Verify(head).Status);
    }

    [TestMethod]
    [TestProperty("Case", "C7")]
    public void EntryRewrittenWithItsOwnHash_BreaksTheNextOne()
    {
        Record("run1", events: 8, isSealed: true);
        string[] lines = File.ReadAllLines(_path);
        string covered = lines[4]
            [..lines[4].IndexOf("\",\"audit.hash\"", StringComparison.Ordinal)]
            .Replace("line 4", "LINE 4", StringComparison.Ordinal);
        Span<byte> hash = stackalloc byte[AuditChain.HashLength];
        using var algorithm = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AuditChain.Hash(algorithm, Encoding.UTF8.GetBytes(covered), hash);
        lines[4] = $"{covered}\",\"audit.hash\":\"{Encoding.ASCII.GetString(hash)}\"}}";
        AssertTampered(6, lines);
    }

    [TestMethod]
    public void Open_FileOfAnotherKind_IsRefusedAndLeftAsItIs()
    {
        File.WriteAllText(_path, "not an audit log\n");
        ConfigurationException refused = Assert.ThrowsExactly<ConfigurationException>(() => Open("run1"));
        Assert.AreEqual(DiagnosticTable.Parameters, refused.Diagnostic.Code);
        Assert.AreEqual("not an audit log\n", File.ReadAllText(_path));
    }

    [TestMethod]
    public void Open_AnotherRunWritesForLongerThanTheWait_NamesIt()
    {
        using AuditLog first = Open("run1");
        Diagnostic refusal = Assert.ThrowsExactly<ConfigurationException>(() => Open("run2", TimeSpan.FromMilliseconds(200))).Diagnostic;

        Assert.AreEqual(DiagnosticTable.Parameters, refusal.Code);
        Assert.Contains("the run run1 of agent 'agent'", refusal.Message);
        Assert.Contains($"process {Environment.ProcessId} (", refusal.Message);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Open_ManyAtOnce_EachHasItsTurnAndTheChainHolds()
    {
        const int Runs = 12;
        await Task.WhenAll(
            Enumerable
                .Range(0, Runs)
                .Select(number =>
                    Task.Factory.StartNew(
                        () =>
                        {
                            string session = $"run{number}";
                            using AuditLog log = Open(session, TimeSpan.FromSeconds(30));
                            for (int entry = 1; entry <= 20; entry++)
                            {
                                log.Write(
                                    new AgentOutput(OutputStream.Standard, $"line {entry}", Cut: false)
                                    {
                                        Sequence = entry,
                                        SessionId = session,
                                        Timestamp = DateTimeOffset.UnixEpoch,
                                    }
                                );
                            }

                            log.Seal(DateTimeOffset.UnixEpoch, "passed");
                            Assert.IsNull(log.Failure);
                        },
                        TestContext.CancellationToken,
                        TaskCreationOptions.LongRunning,
                        TaskScheduler.Default
                    )
                )
        );

        using FileStream file = File.OpenRead(_path);
        AuditVerification verification = AuditVerifier.Verify(file, null, TestContext.CancellationToken);
        Assert.AreEqual(AuditStatus.Sealed, verification.Status, verification.Message);
        Assert.AreEqual(Runs * 22, verification.Entries);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public void Open_CancelledWhileItWaits_EndsAtOnceAndLeavesTheLogToOthers()
    {
        using CancellationTokenSource cancellation = new(TimeSpan.FromMilliseconds(200));
        using (AuditLog first = Open("run1"))
        {
            Assert.Throws<OperationCanceledException>(() =>
                AuditLog.Open(_path, Header("run2"), () => { }, TimeSpan.FromMinutes(5), cancellation.Token)
            );
            first.Seal(DateTimeOffset.UnixEpoch, "passed");
        }

        using AuditLog third = Open("run3", TimeSpan.FromSeconds(30));
    }

    // Whoever opens the file without asking for its lock can cut it, or add to it.
    [TestMethod]
    [DataRow(0L)]
    [DataRow(100L)]
    [DataRow(1_000_000L)]
    public async Task Write_FileOfAnotherLength_IsAFailureAndWritesNoMore(long length)
    {
        bool isTold = false;
        using AuditLog log = AuditLog.Open(_path, Header("run1"), () => isTold = true);
        SetLength(_path, length);
        log.Write(
            new AgentOutput(OutputStream.Standard, "line", Cut: false)
            {
                Sequence = 1,
                SessionId = "run1",
                Timestamp = DateTimeOffset.UnixEpoch,
            }
        );
        await log.FlushAsync();
        log.Seal(DateTimeOffset.UnixEpoch, "passed");
        Assert.IsTrue(isTold);
        Assert.Contains("changed its length", log.Failure!);
        Assert.AreEqual(length, new FileInfo(_path).Length);
    }

    [TestMethod]
    public void Open_LinkToNothing_IsRefusedAndMakesNoFile()
    {
        string target = _path + ".target";
        File.CreateSymbolicLink(_path, target);
        ConfigurationException refused = Assert.ThrowsExactly<ConfigurationException>(() => Open("run1"));
        Assert.AreEqual(DiagnosticTable.Parameters, refused.Diagnostic.Code);
        Assert.IsFalse(File.Exists(target));
    }

    [TestMethod]
    public void Open_LinkToALog_ContinuesIt()
    {
        string head = Record("run1", events: 2, isSealed: true);
        string target = _path + ".target";
        File.Move(_path, target);
        File.CreateSymbolicLink(_path, target);
        Record("run2", events: 2, isSealed: true);
        Assert.AreEqual(AuditStatus.Sealed, Verify(head).Status);
    }

    [TestMethod]
    public void Verify_LineWithoutEnd_IsBounded()
    {
        using MemoryStream endless = new(Encoding.ASCII.GetBytes(new string('a', 3 * 1024 * 1024)));
        Assert.AreEqual(AuditStatus.Tampered, AuditVerifier.Verify(endless, null).Status);
    }

    [TestMethod]
    public void Lines_ReadByAnyone_AreValidJsonWithConsecutiveNumbers()
    {
        Record("run1", events: 3, isSealed: true);
        string[] numbers = [.. File.ReadLines(_path).Select(line => Regex.Match(line, "\"seq\":(\\d+)").Groups[1].Value)];
        CollectionAssert.AreEqual(new[] { "0", "1", "2", "3", "4" }, numbers);
        foreach (string line in File.ReadLines(_path))
        {
            System.Text.Json.JsonDocument.Parse(line).Dispose();
        }
    }

    // By truncate(2), since .NET opens a file for writing only with its lock.
    private static void SetLength(string path, long length)
    {
        using System.Diagnostics.Process process = System.Diagnostics.Process.Start(
            "truncate",
            ["-s", length.ToString(System.Globalization.CultureInfo.InvariantCulture), path]
        );
        process.WaitForExit();
        Assert.AreEqual(0, process.ExitCode);
    }

    private static AuditHeader Header(string session) =>
        new()
        {
            Timestamp = DateTimeOffset.UnixEpoch,
            SessionId = session,
            PolicySha256 = "0",
            AgentName = "agent",
            AgentSha256 = "0",
            HostName = "host",
            OperatingSystem = "system",
            ProcessId = 1,
        };

    private AuditLog Open(string session, TimeSpan patience = default) =>
        AuditLog.Open(_path, Header(session), () => Assert.Fail("Nothing is to fail here."), patience, TestContext.CancellationToken);

    private string Record(string session, int events, bool isSealed)
    {
        using AuditLog log = Open(session);
        for (int number = 1; number <= events; number++)
        {
            log.Write(
                new AgentOutput(OutputStream.Standard, $"line {number}", Cut: false)
                {
                    Sequence = number,
                    SessionId = session,
                    Timestamp = DateTimeOffset.UnixEpoch,
                }
            );
        }

        if (isSealed)
        {
            log.Seal(DateTimeOffset.UnixEpoch, "passed");
        }

        return log.Head;
    }

    private AuditVerification Verify(string? head)
    {
        using FileStream log = File.OpenRead(_path);
        return AuditVerifier.Verify(log, head);
    }

    private void AssertTampered(long line, string[] lines)
    {
        Write(lines);
        AuditVerification verification = Verify(null);
        Assert.AreEqual(AuditStatus.Tampered, verification.Status);
        Assert.AreEqual(line, verification.Line, verification.Message);
    }

    private void Write(string[] lines) => File.WriteAllText(_path, string.Concat(lines.Select(line => line + "\n")));
}
