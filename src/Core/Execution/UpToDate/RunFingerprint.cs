using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using IsolatedAgents.Agents;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution.UpToDate;

/// <summary>
/// One SHA-256 over all that a run depends on. Paths count as they lie below the project, so that another machine may ask for the same.
/// </summary>
internal static class RunFingerprint
{
    /// <summary>
    /// Of agent, arguments, policy, folders and inputs. The values of variables are left out: a build step alone may have its secrets.
    /// The policy counts as it is written, since to judge it takes longer than all else that a skipped step does.
    /// </summary>
    public static string Compute(AgentRunRequest request, AgentPlan agent)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, typeof(RunFingerprint).Module.ModuleVersionId.ToString());
        AppendPolicy(hash, request);
        Append(hash, Relative(request, request.WorkingDirectory is { Length: > 0 } workspace ? workspace : "."));
        Append(hash, request.OutputDirectory is { Length: > 0 } output ? Relative(request, output) : "");
        AppendAll(hash, agent.Command);
        AppendAll(hash, request.Environment);
        Append(hash, AgentHash.Compute(agent));
        IEnumerable<string> inputs = request.Inputs.Select(input => Path.GetFullPath(input, request.BaseDirectory));
        foreach (string input in inputs.Order(StringComparer.Ordinal))
        {
            Append(hash, Path.GetRelativePath(request.BaseDirectory, input));
            Append(hash, File.Exists(input) ? HashOf(input) : "");
        }

        return Hex(hash);
    }

    /// <summary>The host's variables that a run depends on.</summary>
    public static ImmutableArray<string> VariablesOf(AgentRunRequest request, Policy policy) =>
        [
            .. policy
                .AllowedEnvVars.Concat(policy.SensitiveEnvVars)
                .Concat(request.Environment)
                .Concat(policy.Network.Credentials.Select(credential => credential.FromEnv))
                // A mount's path may begin with the user's home.
                .Concat(policy.ReadonlyMounts.IsEmpty ? [] : ["HOME", "USERPROFILE"])
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal),
        ];

    /// <summary>Of variables of the host with their values.</summary>
    public static string OfEnvironment(AgentRunRequest request, ImmutableArray<string> variables)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AppendAll(hash, variables.Select(name => request.HostEnvironment.TryGetValue(name, out string? value) ? $"{name}={value}" : name));
        return Hex(hash);
    }

    /// <summary>The SHA-256 of a file, in lower-case hex.</summary>
    public static string HashOf(string path)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static void AppendPolicy(IncrementalHash hash, AgentRunRequest request)
    {
        string path = request.PolicyFile is { Length: > 0 } file ? Path.GetFullPath(file, request.BaseDirectory) : "";
        Append(hash, path.Length > 0 ? Relative(request, path) : "");
        // One that is not there stops the run when it is resolved.
        Append(hash, File.Exists(path) ? HashOf(path) : "");
        Append(hash, request.Image ?? "");
        foreach (PolicyOverride parameter in request.PolicyOverrides)
        {
            Append(hash, parameter.Key);
            AppendAll(hash, parameter.Values);
        }

        Append(hash, "");
    }

    private static string Relative(AgentRunRequest request, string path)
    {
        string full = Path.GetFullPath(path, request.BaseDirectory);
        return Path.GetRelativePath(
            LinkResolver.Resolve(request.BaseDirectory) ?? request.BaseDirectory,
            Path.TrimEndingDirectorySeparator(LinkResolver.Resolve(full) ?? full)
        );
    }

    private static void AppendAll(IncrementalHash hash, IEnumerable<string> values)
    {
        string[] all = [.. values];
        AppendLength(hash, all.Length);
        foreach (string value in all)
        {
            Append(hash, value);
        }
    }

    // Behind its length, so that no two lists of texts look the same.
    private static void Append(IncrementalHash hash, string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        AppendLength(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void AppendLength(IncrementalHash hash, int value)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, value);
        hash.AppendData(length);
    }

    private static string Hex(IncrementalHash hash) => Convert.ToHexStringLower(hash.GetHashAndReset());
}
