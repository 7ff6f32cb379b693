using IsolatedAgents.Audit;
using IsolatedAgents.Events;

namespace IsolatedAgents.Fuzzing;

/// <summary>The audit verifier: no input makes it throw, and none but the log itself is sealed under the log's head.</summary>
internal static class AuditTarget
{
    private static readonly (byte[] Log, string Head) Genuine = Create();

    /// <summary>A log that is whole.</summary>
    public static byte[] Log => Genuine.Log;

    public static void Run(byte[] input)
    {
        using MemoryStream log = new(input, writable: false);
        AuditVerification verification = AuditVerifier.Verify(log, Genuine.Head);
        FuzzTarget.Require(
            verification.Status != AuditStatus.Sealed
                || input.AsSpan().TrimEnd((byte)'\n').SequenceEqual(Genuine.Log.AsSpan().TrimEnd((byte)'\n')),
            "Another log is sealed under this one's head."
        );
        log.Position = 0;
        _ = AuditVerifier.Verify(log, expectedHead: null);
    }

    private static (byte[] Log, string Head) Create()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("isolated-agents-fuzz-").FullName, "audit.jsonl");
        try
        {
            AuditHeader header = new()
            {
                Timestamp = DateTimeOffset.UnixEpoch,
                SessionId = "s-1",
                PolicySha256 = "00",
                AgentName = "agent",
                AgentSha256 = "11",
                HostName = "host",
                OperatingSystem = "Linux",
                ProcessId = 1,
            };
            string head;
            using (AuditLog log = AuditLog.Open(path, header, () => { }))
            {
                log.Write(
                    new AgentCompleted(0, TimeSpan.FromSeconds(1), "Success")
                    {
                        Sequence = 1,
                        SessionId = "s-1",
                        Timestamp = DateTimeOffset.UnixEpoch,
                    }
                );
                log.Seal(DateTimeOffset.UnixEpoch, "passed");
                head = log.Head;
            }

            return (File.ReadAllBytes(path), head);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }
}
