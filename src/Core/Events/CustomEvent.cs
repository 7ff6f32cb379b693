using System.Collections.Immutable;
using System.Globalization;
using IsolatedAgents.Policies;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>An event of someone else's: free words and details, in the formats of this product.</summary>
/// <param name="Kind">What kind it is, with level, icon and colour.</param>
/// <param name="Text">The event in words.</param>
/// <param name="Details">Its details.</param>
internal sealed record CustomEvent(EventDescriptor Kind, string Text, ImmutableArray<KeyValuePair<string, object?>> Details)
    : TelemetryEvent(Kind)
{
    public static EventDescriptor Lifecycle { get; } = new(1000, "custom.lifecycle", TelemetryLevel.Info, "🚀", EventColor.Blue, "");

    public static EventDescriptor Metrics { get; } = new(1001, "custom.metrics", TelemetryLevel.Info, "📊", EventColor.Cyan, "");

    public static EventDescriptor Activity { get; } = new(1002, "custom.activity", TelemetryLevel.Info, "📝", EventColor.White, "");

    public static EventDescriptor Warning { get; } = new(1003, "custom.warning", TelemetryLevel.Warning, "⚠️", EventColor.Yellow, "");

    public static EventDescriptor Error { get; } = new(1004, "custom.error", TelemetryLevel.Error, "❌", EventColor.Red, "");

    public static EventDescriptor Success { get; } = new(1005, "custom.success", TelemetryLevel.Info, "✅", EventColor.Green, "");

    /// <inheritdoc/>
    public override string Body => Text;

    internal override void Describe(IDetailVisitor visitor)
    {
        foreach ((string label, object? value) in Details)
        {
            string key = Key(label);
            var name = new DetailName(label, key, "isolated_agents.custom." + key);
            switch (value)
            {
                case int number:
                    visitor.Number(name, number);
                    break;
                case long number:
                    visitor.Number(name, number);
                    break;
                case bool fact:
                    visitor.Flag(name, fact);
                    break;
                case TimeSpan span:
                    visitor.Duration(name, span);
                    break;
                case IEnumerable<string> texts:
                    visitor.List(name, [.. texts]);
                    break;
                default:
                    visitor.Text(name, Convert.ToString(value, CultureInfo.InvariantCulture));
                    break;
            }
        }
    }

    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Text = masker.Mask(Text),
            Details =
            [
                .. Details.Select(detail =>
                    KeyValuePair.Create(
                        detail.Key,
                        detail.Value switch
                        {
                            string text => masker.Mask(text),
                            IEnumerable<string> texts => texts.Select(text => masker.Mask(text)).ToImmutableArray(),
                            object other => other,
                            null => null,
                        }
                    )
                ),
            ],
        };

    private static string Key(string label) =>
        string.Concat(label.Select(character => char.IsAsciiLetterOrDigit(character) ? char.ToLowerInvariant(character) : '_'));
}
