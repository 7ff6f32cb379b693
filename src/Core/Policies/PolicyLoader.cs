using System.Collections.Frozen;
using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies.Keys;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies;

/// <summary>Makes the effective policy of a run: defaults, then the file, then parameters.</summary>
internal static class PolicyLoader
{
    /// <summary>Loads and judges a policy. Nothing but the file is read, and the host paths that it names are looked at.</summary>
    /// <param name="file">The policy file as the user named it; null for the default policy.</param>
    /// <param name="baseDirectory">Absolute folder that relative paths start from.</param>
    /// <param name="homeDirectory">What <c>~</c> stands for; null where the user has no home.</param>
    /// <param name="overrides">Keys that parameters set. A list replaces the file's list.</param>
    /// <exception cref="ConfigurationException">IA1001 at the offending place of the file, or IA1003 with the parameter's name.</exception>
    public static LoadedPolicy Load(string? file, string baseDirectory, string? homeDirectory, ImmutableArray<PolicyOverride> overrides)
    {
        Dictionary<PolicyKey, PolicySetting> settings = [];
        foreach (PolicySetting setting in file is null ? [] : PolicyReader.ReadFile(file, baseDirectory))
        {
            settings.Add(setting.Key, setting);
        }

        // The file is judged as a whole, also where a parameter then replaces a value: a wrong file is wrong on every command line.
        Policy policy = Apply(Policy.Default, settings.Values, baseDirectory, homeDirectory);
        ImmutableArray<PolicySetting> fromParameters = FromParameters(overrides);
        policy = Apply(policy, fromParameters, baseDirectory, homeDirectory);
        foreach (PolicySetting setting in fromParameters)
        {
            settings[setting.Key] = setting;
        }

        EnvironmentNameConflict.Check(policy, settings);
        NetworkConflicts.Check(policy, settings);
        policy = policy with { ExplicitKeys = policy.ExplicitKeys.Union(settings.Keys.Select(key => key.Name)) };
        return new LoadedPolicy(policy, file, PolicyFingerprint.Sha256(policy))
        {
            Positions = settings.Values.SelectMany(Positions).ToFrozenDictionary(StringComparer.Ordinal),
        };
    }

    // Of a key, and of each of its entries.
    private static IEnumerable<KeyValuePair<string, KeyPosition>> Positions(PolicySetting setting)
    {
        yield return Position(setting.Key.Name, setting.Position);
        for (int i = 0; i < setting.Value.Items.Length; i++)
        {
            yield return Position(LoadedPolicy.ItemOf(setting.Key.Name, i), setting.Value.Items[i].Position);
        }

        foreach (PolicyMember member in setting.Value.Members)
        {
            yield return Position(LoadedPolicy.MemberOf(setting.Key.Name, member.Name), member.NamePosition);
        }

        KeyValuePair<string, KeyPosition> Position(string name, TextPosition position) =>
            new(name, new KeyPosition(setting.Source.File, position.Line, position.Column, setting.Source.ParameterName));
    }

    private static Policy Apply(Policy policy, IEnumerable<PolicySetting> settings, string baseDirectory, string? homeDirectory) =>
        settings.Aggregate(policy, (current, setting) =>
            setting.Key.Apply(current, setting.Value, new PolicyContext(setting.Source, baseDirectory, homeDirectory))
        );

    private static ImmutableArray<PolicySetting> FromParameters(ImmutableArray<PolicyOverride> overrides)
    {
        ImmutableArray<PolicySetting>.Builder settings = ImmutableArray.CreateBuilder<PolicySetting>(overrides.Length);
        foreach (PolicyOverride parameter in overrides)
        {
            PolicySource source = PolicySource.FromParameter(parameter.ParameterName);
            PolicyKey key = PolicyKeys.Find(parameter.Key)
                ?? throw source.Error(default, $"no policy key is named '{QuotedText.Of(parameter.Key)}'.");
            if (settings.Any(setting => setting.Key == key))
            {
                throw source.Error(default, $"'{key.Name}' is set by another parameter too; keep one of them.");
            }

            settings.Add(new PolicySetting(key, parameter.ParameterName, default, key.FromParameter(parameter.Values, source), source));
        }

        return settings.ToImmutable();
    }
}
