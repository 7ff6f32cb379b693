using System.Buffers;

namespace IsolatedAgents.Policies.Rules;

/// <summary>Which environment variables a policy may set or pass through.</summary>
internal static class EnvironmentNames
{
    private static readonly SearchValues<char> Allowed = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
    );

    private static readonly string[] RefusedPrefixes = ["LD_", "DYLD_", "GLIBC_TUNABLES", "ISOLATED_AGENTS_"];

    /// <summary>Accepts <c>[A-Za-z_][A-Za-z0-9_]*</c>, but for names that steer the loader or this product.</summary>
    public static Checked<string> Check(string name)
    {
        if (name.Length == 0 || char.IsAsciiDigit(name[0]) || name.AsSpan().ContainsAnyExcept(Allowed))
        {
            return Checked<string>.Refused("a variable's name is made of letters, digits and '_' and does not begin with a digit");
        }

        foreach (string prefix in RefusedPrefixes)
        {
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            {
                return Checked<string>.Refused(
                    $"variables that begin with '{prefix}' steer the loader or the sandbox itself and are never available; use another name"
                );
            }
        }

        return name;
    }
}
