using System.Text;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Policies.Suggestions;

namespace IsolatedAgents.Fuzzing;

/// <summary>A record of a run is taken, or refused once at a line that is in it; and what is suggested from it is a policy.</summary>
internal static class RecordTarget
{
    private const string Written = "{ // limits\n  \"memory_mb\": 64, \"filesystem\": { \"allowed_read_paths\": [\"/srv/a\", ], },\n}\n";

    public static void Run(byte[] input)
    {
        PolicyAdvisor advisor = new(Policy.Default);
        try
        {
            using MemoryStream record = new(input);
            SessionRecordReader.Read(record, "session.jsonl", advisor.Take);
        }
        catch (ConfigurationException refused)
        {
            FuzzTarget.Require(
                refused.Diagnostic.Line <= 1 + input.Count(value => value == (byte)'\n'),
                $"Line {refused.Diagnostic.Line} is not in the record."
            );
        }

        PolicyTextEditor editor = new(Written);
        foreach (PolicyChange change in advisor.Suggestion.Changes)
        {
            editor.Apply(change);
        }

        _ = PolicyReader.Read(Encoding.UTF8.GetBytes(editor.Text), PolicySource.FromFile("policy.json"));
        FuzzTarget.Require(advisor.Suggestion.Left.All(left => !left.Any(char.IsControl)), "A sentence holds what a terminal obeys.");
    }
}
