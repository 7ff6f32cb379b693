using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.Loader;
using Newtonsoft.Json;
using Newtonsoft.Json.Serialization;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// How the client library's JSON reads and writes members: as they are. By itself it makes and compiles a method for each member first,
/// some two hundred before an agent starts, and each is then used once.
/// </summary>
[UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "The client library and its JSON are kept whole.")]
[UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Native code has no such methods to make, and takes this way by itself.")]
internal sealed class ClientContracts : DefaultContractResolver
{
    private static readonly JsonSerializerSettings Settings = new() { ContractResolver = new ClientContracts() };

    /// <summary>
    /// Has all clients use them that are made from now on, where nobody else uses the same copy of the JSON library, as in a build. The
    /// client library gives no access to its own settings, and takes the process's where it has none; these are not ours to change in a
    /// program that has loaded this library for itself.
    /// </summary>
    public static void UseWhereAlone()
    {
        if (AssemblyLoadContext.GetLoadContext(typeof(JsonConvert).Assembly) != AssemblyLoadContext.Default)
        {
            JsonConvert.DefaultSettings = static () => Settings;
        }
    }

    protected override IValueProvider CreateMemberValueProvider(MemberInfo member) => new ReflectionValueProvider(member);
}
