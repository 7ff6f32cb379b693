using System.Collections.Immutable;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Tasks;

/// <summary>
/// The policy keys that a step's parameters set, by the name of the parameter. What is not given leaves the file's value.
/// </summary>
internal sealed class PolicyParameters
{
    private readonly Dictionary<string, ImmutableArray<string>> _values = new(StringComparer.Ordinal);

    public string? One(string parameter) => _values.TryGetValue(parameter, out ImmutableArray<string> values) ? values[0] : null;

    public string[]? Many(string parameter) => _values.TryGetValue(parameter, out ImmutableArray<string> values) ? [.. values] : null;

    public void Set(string parameter, string? value) => Set(parameter, string.IsNullOrEmpty(value) ? [] : [value]);

    public void Set(string parameter, string[]? values)
    {
        if (values is { Length: > 0 })
        {
            _values[parameter] = [.. values];
        }
        else
        {
            _values.Remove(parameter);
        }
    }

    /// <summary>In the order of the keys.</summary>
    public ImmutableArray<PolicyOverride> Overrides() =>
        [
            .. PolicyKeys
                .All.Where(key => _values.ContainsKey(key.PascalName))
                .Select(key => new PolicyOverride(key.Name, _values[key.PascalName], key.PascalName)),
        ];
}
