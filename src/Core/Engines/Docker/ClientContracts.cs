using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Newtonsoft.Json;
using Newtonsoft.Json.Serialization;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// How the client library's JSON reads and writes members: as they are. By itself it makes and compiles a method for each member first, some two hundred before
/// an agent starts, and each is then used once.
/// </summary>
[UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "The client library and its JSON are kept whole.")]
[UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Native code has no such methods to make, and takes this way by itself.")]
internal sealed class ClientContracts : DefaultContractResolver
{
    private static readonly JsonSerializerSettings Settings = new() { ContractResolver = new ClientContracts() };

    /// <summary>Has all clients use them that are made from now on. The client library gives no access to its own settings, and takes these where it has none.</summary>
    public static void Use() => JsonConvert.DefaultSettings = static () => Settings;

    protected override IValueProvider CreateMemberValueProvider(MemberInfo member) => new ReflectionValueProvider(member);
}
