using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Policies;

/// <summary>The effective policy as one text, by which two policies can be compared.</summary>
internal static class PolicyFingerprint
{
    /// <summary>Every key and its value, flat and in the order of <see cref="PolicyKeys"/>.</summary>
    public static JsonObject Canonical(Policy policy) =>
        new(PolicyKeys.All.Select(key => KeyValuePair.Create(key.Name, key.ValueOf(policy))));

    /// <summary>SHA-256 of the canonical text, in lower-case hex.</summary>
    public static string Sha256(Policy policy) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Canonical(policy).ToJsonString())));
}
