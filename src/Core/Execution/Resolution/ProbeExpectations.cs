using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Probes;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>Says, for one run, which refusals the built-in list of expected probes explains.</summary>
/// <param name="isStrict">Whether the policy turns the list off.</param>
internal sealed class ProbeExpectations(bool isStrict)
{
    private readonly HashSet<string> _explained = new(StringComparer.Ordinal);

    /// <summary>
    /// The entry that explains a refusal, as events name it; null where none does, or where the list has explained enough.
    /// </summary>
    /// <param name="activity">The refusal.</param>
    /// <param name="subject">Its path or call.</param>
    /// <param name="operation">Its operation; empty for a call.</param>
    public string? Explain(Activity activity, string subject, string operation)
    {
        // By its bytes: different ones may be one text.
        string key = Convert.ToHexString(activity.Subject);

        // What the policy protects by name is protected from every program.
        if (
            isStrict
            || activity.Reason == DenialReason.ProtectedPath
            || (_explained.Count >= ExpectedProbes.MaxPerRun && !_explained.Contains(key))
        )
        {
            return null;
        }

        ViolationKind kind = activity.Kind == ActivityKind.FileDenied ? ViolationKind.Filesystem : ViolationKind.Process;
        foreach (ExpectedProbe probe in ExpectedProbes.All)
        {
            if (probe.Matches(kind, operation, subject))
            {
                _explained.Add(key);
                return ExpectedProbes.Reference(probe);
            }
        }

        return null;
    }
}
