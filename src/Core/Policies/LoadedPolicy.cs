using System.Collections.Frozen;
using System.Globalization;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies;

/// <summary>The effective policy of a run, and where it comes from.</summary>
/// <param name="Policy">Every key with its value.</param>
/// <param name="File">The policy file as the user named it; null where there is none.</param>
/// <param name="Sha256">Lower-case hex over the effective policy: the same policy has the same one, however it was written.</param>
internal sealed record LoadedPolicy(Policy Policy, string? File, string Sha256)
{
    internal required FrozenDictionary<string, KeyPosition> Positions { private get; init; }

    /// <summary>The origin of <paramref name="key"/>, in snake_case with dots, or one entry of it; null where it has its default.</summary>
    public KeyPosition? PositionOf(string key) => Positions.GetValueOrDefault(key);

    /// <summary>The name, for <see cref="PositionOf"/>, of an entry of a list.</summary>
    /// <param name="key">The list's key.</param>
    /// <param name="index">From 0.</param>
    public static string ItemOf(string key, int index) => string.Create(CultureInfo.InvariantCulture, $"{key}[{index}]");

    /// <summary>The name, for <see cref="PositionOf"/>, of a member of a map.</summary>
    /// <param name="key">The map's key.</param>
    /// <param name="name">The member's name.</param>
    public static string MemberOf(string key, string name) => $"{key}[{name}]";

    /// <summary>A diagnostic that points at what set <paramref name="key"/>, for trouble that shows only later.</summary>
    public Diagnostic DiagnosticAt(string key, string code, DiagnosticSeverity severity, string message)
    {
        KeyPosition? position = PositionOf(key);
        string parameter = position?.ParameterName is { } name ? $"Parameter '{QuotedText.Of(name)}': " : "";
        return new Diagnostic(code, severity, parameter + message)
        {
            File = position?.File,
            Line = position?.Line ?? 0,
            Column = position?.Column ?? 0,
        };
    }
}
