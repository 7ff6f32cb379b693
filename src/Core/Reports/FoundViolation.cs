using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Text;

namespace IsolatedAgents.Reports;

/// <summary>A violation, with the thing that the agent touched and the consequence.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Subject">The path, endpoint or call as the agent knows it; not escaped.</param>
/// <param name="Rule">The policy key that decided.</param>
/// <param name="Reason">Why it is forbidden.</param>
/// <param name="Action">What was done about it.</param>
/// <param name="Process">The program that tried; null where nobody knows.</param>
/// <param name="Count">How many times.</param>
/// <param name="IsExpected">Whether the policy expects it.</param>
internal sealed record FoundViolation(
    ViolationKind Kind,
    string Subject,
    string Rule,
    string Reason,
    string Action,
    string? Process,
    long Count,
    bool IsExpected
)
{
    /// <summary>The violation that an event reports; null where it reports none.</summary>
    public static FoundViolation? Of(TelemetryEvent raised) =>
        raised switch
        {
            ViolationFilesystem v => new(
                ViolationKind.Filesystem,
                v.Path,
                v.Rule ?? "",
                v.Reason,
                v.Action,
                v.Process,
                v.Count,
                v.Expected
            ),
            ViolationNetwork v => new(
                ViolationKind.Network,
                EndpointText.Of(v.Host, v.Port),
                v.Rule ?? "",
                v.Reason,
                v.Action,
                v.Process,
                v.Count,
                v.Expected
            ),
            ViolationProcess v => new(ViolationKind.Process, v.Call, v.Rule ?? "", v.Reason, v.Action, v.Process, v.Count, v.Expected),
            ViolationOutput v => new(ViolationKind.Output, v.File, v.Rule ?? "", v.Reason, v.Action, null, 1, v.Expected),
            _ => null,
        };
}
