using System.Collections.Immutable;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Policies.Keys;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Suggestions;

/// <summary>One change to a policy.</summary>
/// <param name="Key">In snake_case, with dots.</param>
/// <param name="Added">What is added to a list.</param>
/// <param name="Value">The new number, where the key is none of a list.</param>
internal sealed record PolicyChange(string Key, ImmutableArray<string> Added, long? Value = null);

/// <summary>A change of a policy that would have let recorded runs pass.</summary>
/// <param name="Changes">In the order of the documentation.</param>
/// <param name="Left">What no change can allow, one sentence each.</param>
internal sealed record PolicySuggestion(ImmutableArray<PolicyChange> Changes, ImmutableArray<string> Left);

/// <summary>
/// Finds the smallest change to a policy that would have let recorded runs pass: the very paths and endpoints that were refused, and room
/// where a limit was met. What an agent asked for is not what it should have: a person reads the result.
/// </summary>
internal sealed class PolicyAdvisor(Policy policy)
{
    private const double HeadRoom = 2;
    private const int MaxPaths = 1000;
    private const int MaxLeft = 100;

    private readonly EndpointSuggestions _endpoints = new(policy);
    private readonly SortedSet<string> _readPaths = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _writePaths = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _left = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _limits = [];

    /// <summary>The suggestion that follows from the events so far.</summary>
    public PolicySuggestion Suggestion =>
        new(
            [
                .. Endpoints(),
                .. List("filesystem.allowed_read_paths", _readPaths),
                .. List("filesystem.allowed_write_paths", _writePaths),
                .. _limits
                    .OrderBy(limit => limit.Key, StringComparer.Ordinal)
                    .Select(limit => new PolicyChange(limit.Key, [], limit.Value)),
            ],
            [.. _left]
        );

    /// <summary>Takes one event.</summary>
    public void Take(RecordedEvent recorded)
    {
        if (!recorded.IsError)
        {
            return;
        }

        switch (recorded.Name)
        {
            case "violation.filesystem":
                TakePath(recorded.Text("file.path"), recorded.Text("security_rule.name"));
                break;
            case "violation.network":
                TakeConnection(recorded);
                break;
            case "model.limit_exceeded" when policy.Limits.MaxModelTokens > 0:
                Raise("limits.max_model_tokens", recorded.Number("isolated_agents.model.tokens"), policy.Limits.MaxModelTokens);
                break;
            case "violation.process":
                Leave($"system call {QuotedText.Of(recorded.Text("isolated_agents.system_call"))}: no policy allows it");
                break;
            case "violation.output":
                Leave($"output {QuotedText.Of(recorded.Text("file.path"))}: {QuotedText.Of(recorded.Text("isolated_agents.reason"))}");
                break;
            case "timeout.exceeded":
                Raise("timeout_seconds", recorded.Number("isolated_agents.time_limit"), policy.TimeoutSeconds);
                break;
            case "resource.out_of_memory":
                Raise("memory_mb", recorded.Number("isolated_agents.memory.limit") / 1024 / 1024, policy.MemoryMb);
                break;
            case "resource.pids_exhausted":
                Raise("pids_limit", recorded.Number("isolated_agents.limit"), policy.PidsLimit);
                break;
            case "output.limit_exceeded":
                double found = recorded.Number("isolated_agents.current_size");
                bool isSize = found > recorded.Number("isolated_agents.size_limit");
                Raise(
                    isSize ? "max_output_bytes" : "max_output_files",
                    isSize ? found : 0,
                    isSize ? policy.MaxOutputBytes : policy.MaxOutputFiles
                );
                break;
        }
    }

    // A record may be older than the policy.
    private void Raise(string key, double met, long current)
    {
        long most = ((IntegerKey)PolicyKeys.Find(key)!).Maximum;
        long raised = (long)Math.Min(Math.Ceiling(Math.Max(met, 1) * HeadRoom), long.MaxValue / 2);
        long wanted = Math.Min(most, Math.Max(raised, met > 0 ? 0 : (long)(current * HeadRoom)));
        if (wanted > current)
        {
            _limits[key] = Math.Max(_limits.GetValueOrDefault(key), wanted);
        }
    }

    private void TakeConnection(RecordedEvent recorded)
    {
        string reason = recorded.Text("isolated_agents.reason");
        switch (recorded.Text("security_rule.name"))
        {
            case "network.max_connections":
                Raise("network.max_connections", EndpointSuggestions.LimitOf(reason), policy.Network.MaxConnections);
                break;
            case "network.max_upload_bytes" when policy.Network.MaxUploadBytes > 0:
                Raise("network.max_upload_bytes", EndpointSuggestions.LimitOf(reason), policy.Network.MaxUploadBytes);
                break;
            case "network.max_upload_bytes":
                break;
            default:
                double port = recorded.Number("server.port");
                if (_endpoints.Take(recorded.Text("server.address"), port is >= 1 and <= 65_535 ? (int)port : 0, reason) is { } problem)
                {
                    Leave(problem);
                }

                break;
        }
    }

    private void TakePath(string path, string rule)
    {
        if (SandboxPathRules.Check(path).Value is not { } plain || plain != path)
        {
            Leave($"path {QuotedText.Of(path)}: no policy can name it");
            return;
        }

        switch (rule)
        {
            case "filesystem.allowed_read_paths" when !FileDecision.Read(policy, path).IsAllowed:
                Add(_readPaths, path);
                break;
            case "filesystem.allowed_write_paths" when !FileDecision.Write(policy, path).IsAllowed:
                string folder = path.LastIndexOf('/') is > 0 and int slash ? path[..slash] : path;
                if (AllowedPaths.ScratchProblem(policy, folder) is { } problem)
                {
                    Leave($"write to {QuotedText.Of(path)}: {QuotedText.Of(folder)} {problem}");
                    break;
                }

                Add(_writePaths, folder);
                break;
            case "filesystem.workspace" when path.EndsWith(".lock", StringComparison.Ordinal):
                Leave(
                    $"write to {QuotedText.Of(path)}: it is a lock, which a tool that only looks does without; the workspace can stay read-only"
                );
                break;
            case "filesystem.workspace":
                Leave(
                    $"write to {QuotedText.Of(path)}: the workspace is read-only; write results to /output, or set filesystem.workspace to 'write'"
                );
                break;
            case "filesystem.protected_paths":
                Leave(
                    $"write to {QuotedText.Of(path)}: it is protected; take its entry out of filesystem.protected_paths only if the agent is to write it"
                );
                break;
            case "sensitive_paths":
                Leave($"read of {QuotedText.Of(path)}: it holds secrets of the system, and no policy allows it");
                break;
        }
    }

    private void Add(SortedSet<string> paths, string path)
    {
        if (paths.Count < MaxPaths)
        {
            paths.Add(path);
        }
        else
        {
            Leave("more paths than these: an agent that asks for so many is better given their folder");
        }
    }

    private void Leave(string sentence)
    {
        if (_left.Count < MaxLeft)
        {
            _left.Add(sentence);
        }
    }

    private IEnumerable<PolicyChange> Endpoints() =>
        _endpoints.Added.ToImmutableArray() is { Length: > 0 } added ? [new PolicyChange(EgressAllowlist.Key, added)] : [];

    // What lies in a folder that is added needs no entry of its own.
    private static IEnumerable<PolicyChange> List(string key, SortedSet<string> paths)
    {
        ImmutableArray<string> added =
        [
            .. paths.Where(path => !paths.Any(other => other != path && SandboxPathRules.IsSameOrBelow(path, other))),
        ];
        return added.Length == 0 ? [] : [new PolicyChange(key, added)];
    }
}
