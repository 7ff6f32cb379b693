using System.Collections.Frozen;
using System.Text;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Telemetry;

/// <summary>The output on which events are shown, and their form.</summary>
public sealed record TelemetryOutput
{
    /// <summary>Receives UTF-8 (<see cref="Encoding"/> where it is a terminal with another one). Stays open.</summary>
    public required Stream Stream { get; init; }

    /// <summary>The format.</summary>
    public TelemetryFormat Format { get; init; } = TelemetryFormat.Simple;

    /// <summary>The lowest level that is shown.</summary>
    public TelemetryLevel Level { get; init; } = TelemetryLevel.Info;

    /// <summary>Whether <see cref="Stream"/> is a terminal: without one, trees have neither colour nor emoji.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>
    /// Gives the width of the terminal's window in cells; null where it has none. Trees break longer lines between words. By default
    /// nothing is broken.
    /// </summary>
    public Func<int?> Columns { get; init; } = static () => null;

    /// <summary>The terminal's encoding.</summary>
    public Encoding Encoding { get; init; } = Encoding.UTF8;

    /// <summary>The process's variables: <c>NO_COLOR</c>, <c>TERM</c> and those by which build hosts are known.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>The clock whose time zone trees use.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal IEventFormat CreateFormat() =>
        Format switch
        {
            TelemetryFormat.Json => new JsonFormat(Stream),
            TelemetryFormat.Simple => new SimpleFormat(Writer(new UTF8Encoding(encoderShouldEmitUTF8Identifier: false))),
            _ => new RichFormat(
                Writer(WithoutPreamble(Encoding)),
                RichCapabilities.Detect(Environment, IsTerminal, Encoding),
                Time.LocalTimeZone
            )
            {
                Columns = Columns,
                ShowsProbes = Level <= TelemetryLevel.Debug,
            },
        };

    private static Encoding WithoutPreamble(Encoding encoding) =>
        encoding.CodePage == Encoding.UTF8.CodePage ? new UTF8Encoding(encoderShouldEmitUTF8Identifier: false) : encoding;

    private StreamWriter Writer(Encoding encoding) => new(Stream, encoding, leaveOpen: true) { NewLine = "\n" };
}
