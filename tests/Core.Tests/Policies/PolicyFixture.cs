using System.Collections.Immutable;
using System.Text;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Core.Tests.Policies;

/// <summary>A folder of its own with a policy file in it, gone after the test.</summary>
internal sealed class PolicyFixture : IDisposable
{
    public const string FileName = "policy.json";

    // Links of the temporary folder itself are no part of any test.
    private readonly string _root = Directory.CreateTempSubdirectory("ia-policy-").FullName;

    public PolicyFixture()
    {
        Home = Path.Combine(_root, "home");
        Base = Path.Combine(_root, "base");
        Directory.CreateDirectory(Home);
        Directory.CreateDirectory(Base);
    }

    public string Home { get; }

    public string Base { get; }

    public static PolicyOverride Parameter(string key, params ImmutableArray<string> values) =>
        new(key, values, "--" + key.Replace('_', '-'));

    public LoadedPolicy Load(string json, params ImmutableArray<PolicyOverride> overrides) => Load(Encoding.UTF8.GetBytes(json), overrides);

    public LoadedPolicy Load(byte[] json, params ImmutableArray<PolicyOverride> overrides)
    {
        File.WriteAllBytes(Path.Combine(Base, FileName), json);
        return PolicyLoader.Load(FileName, Base, Home, overrides);
    }

    public LoadedPolicy LoadParameters(params ImmutableArray<PolicyOverride> overrides) => PolicyLoader.Load(null, Base, Home, overrides);

    /// <summary>The diagnostic in its canonical form.</summary>
    public string Error(string json, params ImmutableArray<PolicyOverride> overrides) =>
        Assert.ThrowsExactly<ConfigurationException>(() => Load(json, overrides)).Diagnostic.ToString();

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
