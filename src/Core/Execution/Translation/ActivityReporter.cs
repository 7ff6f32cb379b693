using System.Text;
using IsolatedAgents.Events;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Execution.Translation;

/// <summary>Turns what the supervisor saw the agent do, and refused it, into events.</summary>
internal sealed class ActivityReporter(RunEvents events, ProbeExpectations probes, NetworkReporter network, AgentStop stop)
{
    private const string SystemCallRule = "system_calls";

    /// <summary>Tells one activity.</summary>
    public ValueTask TakeAsync(Activity activity)
    {
        string subject = Decode(activity.Subject);
        string detail = Decode(activity.Detail);
        bool isNear = IsNear(subject);
        return activity.Kind switch
        {
            ActivityKind.FileRead => events.RaiseAsync(new FileRead(subject, isNear, activity.Count)),
            ActivityKind.FileWritten => events.RaiseAsync(
                new FileWritten(subject, isNear, activity.Count, detail.Length > 0 ? detail : null)
            ),
            ActivityKind.FileDeleted => events.RaiseAsync(new FileDeleted(subject, isNear, activity.Count)),
            ActivityKind.FileRenamed => events.RaiseAsync(new FileRenamed(subject, detail, isNear || IsNear(detail), activity.Count)),
            ActivityKind.ProcessStarted => events.RaiseAsync(new ProcessStarted(subject, activity.ProcessId, activity.Count)),
            ActivityKind.Omitted => events.RaiseAsync(
                new TelemetrySuppressed(
                    "file.*, process.started",
                    activity.Count,
                    "More activities than are kept one by one; none of them was refused"
                )
            ),
            _ => DenyAsync(activity, subject, detail),
        };
    }

    private async ValueTask DenyAsync(Activity activity, string subject, string operation)
    {
        string program = Decode(activity.Program);
        if (activity.Kind == ActivityKind.ConnectionDenied)
        {
            (string why, string key) = Explain(activity.Reason, subject);
            NetworkRefusal refusal = new(subject, activity.Port, why, key) { Process = program, Count = activity.Count };
            await network.DenyAsync(refusal).ConfigureAwait(false);
            return;
        }

        ViolationKind kind = activity.Kind == ActivityKind.FileDenied ? ViolationKind.Filesystem : ViolationKind.Process;
        string? expectedBy = events.Expected.Matches(kind, subject) ? ExpectedViolation.Key : probes.Explain(activity, subject, operation);
        (string reason, string rule) = Explain(activity.Reason, subject);
        await events
            .RaiseAsync(
                kind == ViolationKind.Filesystem
                    ? new ViolationFilesystem(
                        subject,
                        $"{reason} ({operation})",
                        "Access blocked",
                        rule,
                        program,
                        activity.Count,
                        expectedBy is not null
                    )
                    {
                        ExpectedBy = expectedBy,
                    }
                    : new ViolationProcess(subject, reason, "Call refused", SystemCallRule, program, activity.Count, expectedBy is not null)
                    {
                        ExpectedBy = expectedBy,
                    }
            )
            .ConfigureAwait(false);
        if (expectedBy is null)
        {
            await stop.ForViolationAsync().ConfigureAwait(false);
        }
    }

    private static (string Reason, string Rule) Explain(DenialReason reason, string subject) =>
        reason switch
        {
            DenialReason.NotAllowedEndpoint => (EgressAllowlist.Refused, EgressAllowlist.Key),
            DenialReason.NotAllowedName => (EgressAllowlist.NameRefused, EgressAllowlist.Key),
            DenialReason.TooManyNames => ("More names than a run may look up", "network.allowed_endpoints"),
            DenialReason.NotRelayed => ("Allowed, but only TCP is relayed", EgressAllowlist.Key),
            DenialReason.ForeignSocket => ("A socket of somebody outside the sandbox", "network.allowed_endpoints"),
            DenialReason.DeniedSocket => ("A kind of socket that no agent may have", SystemCallRule),
            DenialReason.DeniedCall => ("A system call that no agent may make", SystemCallRule),
            _ => FileDecision.Explain(reason, subject),
        };

    private static bool IsNear(string path) => FileRules.Holder(path, [SandboxPaths.Workspace, SandboxPaths.Output]) is not null;

    private static string Decode(byte[] text) => Encoding.UTF8.GetString(text);
}
