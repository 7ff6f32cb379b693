using System.Collections.Immutable;
using System.Globalization;
using IsolatedAgents.Events;
using IsolatedAgents.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace IsolatedAgents.Telemetry;

/// <summary>
/// Trees for people: <c>ICON [HH:mm:ss] Title</c>, then a line for each detail; an agent's own lines as they are, behind a bar.
/// Text is never markup: it reaches the console as segments, after <see cref="UntrustedText.Display"/>.
/// </summary>
internal sealed class RichFormat : IEventFormat, IDetailVisitor
{
    private readonly IAnsiConsole _console;
    private readonly TimeZoneInfo _zone;
    private readonly bool _unicode;
    private readonly List<string> _details = [];
    private readonly List<string> _lines = [];

    public RichFormat(TextWriter output, RichCapabilities capabilities, TimeZoneInfo zone)
        : this(CreateConsole(output, capabilities), capabilities.Unicode, zone) { }

    public RichFormat(IAnsiConsole console, bool unicode, TimeZoneInfo zone)
    {
        _console = console;
        _unicode = unicode;
        _zone = zone;
    }

    /// <summary>Gives the width of the window in cells, where there is one; asked for each event, since people resize windows.</summary>
    public Func<int?> Columns { get; init; } = static () => null;

    /// <summary>Whether each probe of the sandbox has a line of its own; else one line counts those that held.</summary>
    public bool ShowsProbes { get; init; } = true;

    public void Write(TelemetryEvent telemetryEvent)
    {
        var segments = new List<Segment>();
        int? columns = Columns();
        _lines.Clear();
        if (telemetryEvent is AgentOutput output)
        {
            string bar = _unicode ? "│ " : "| ";
            HangingIndent.Append(_lines, bar, bar + "  ", UntrustedText.Display(output.Line), columns);
        }
        else
        {
            _details.Clear();
            if (telemetryEvent is SandboxVerified verified && !ShowsProbes)
            {
                Add("Probes", Held(verified));
            }
            else
            {
                telemetryEvent.Describe(this);
            }

            segments.Add(new Segment(Heading(telemetryEvent), new Style(ColorOf(telemetryEvent.Descriptor.Color))));
            segments.Add(Segment.LineBreak);
            for (int i = 0; i < _details.Count; i++)
            {
                bool isLast = i == _details.Count - 1;
                HangingIndent.Append(_lines, Branch(isLast), Trunk(isLast), _details[i], columns);
            }
        }

        foreach (string line in _lines)
        {
            segments.Add(new Segment(line));
            segments.Add(Segment.LineBreak);
        }

        _console.Write(new Unwrapped(segments));
    }

    public void Flush() => _console.Profile.Out.Writer.Flush();

    public void Text(DetailName name, string? value)
    {
        if (value is not null)
        {
            Add(name.Label, UntrustedText.Display(value));
        }
    }

    public void Word(DetailName name, string? value) => Text(name, value);

    public void Flag(DetailName name, bool value) => Text(name, value ? "yes" : null);

    public void Number(DetailName name, long? value) => Text(name, value?.ToString(CultureInfo.InvariantCulture));

    public void Quantity(DetailName name, double value, string unit) => Add(name.Label, Units.Quantity(value, unit));

    public void Bytes(DetailName name, long? value) => Text(name, value is long bytes ? Units.Bytes(bytes) : null);

    public void BytesLike(DetailName name, long value, long limit) => Add(name.Label, Units.BytesLike(value, limit));

    public void BytesOf(DetailName name, long used, long limit) => Add(name.Label, Units.BytesOf(used, limit));

    public void Memory(DetailName name, long value) => Add(name.Label, Units.Memory(value));

    public void MemoryOf(DetailName name, long used, long limit) => Add(name.Label, Units.MemoryOf(used, limit));

    public void Traffic(DetailName name, DetailName sentName, DetailName receivedName, long sent, long received) =>
        Add(name.Label, $"{Units.Bytes(sent)} sent, {Units.Bytes(received)} received");

    public void Duration(DetailName name, TimeSpan value) => Add(name.Label, Units.Duration(value));

    public void Seconds(DetailName name, TimeSpan value) => Add(name.Label, Units.Seconds(value));

    public void Percent(DetailName name, double value) => Add(name.Label, Units.Percent(value));

    public void Endpoint(DetailName name, string host, int port) => Text(name, EndpointText.Of(host, port));

    public void Files(DetailName name, long count, DetailName sizeName, long? bytes) =>
        Add(name.Label, Units.Count(count, "file") + (bytes is long size ? $" ({Units.Bytes(size)})" : ""));

    public void List(DetailName name, ImmutableArray<string> values)
    {
        if (!values.IsDefaultOrEmpty)
        {
            Text(name, string.Join(", ", values));
        }
    }

    public void Items(DetailName name, ImmutableArray<string> values)
    {
        foreach (string value in values.IsDefault ? [] : values)
        {
            Text(name, value);
        }
    }

    public void Items(DetailName name, ImmutableArray<SizedFile> values)
    {
        foreach (SizedFile value in values.IsDefault ? [] : values)
        {
            Add(name.Label, $"{UntrustedText.Display(value.Name)} ({Units.Bytes(value.Bytes)})");
        }
    }

    public void Items(DetailName name, ImmutableArray<LabeledValue> values)
    {
        foreach (LabeledValue value in values.IsDefault ? [] : values)
        {
            Add(UntrustedText.Display(value.Label), UntrustedText.Display(value.Value));
        }
    }

    public void Sentence(DetailName subjectName, string noun, string subject, DetailName statusName, string status) =>
        _details.Add($"{noun} {UntrustedText.Display(subject)} {UntrustedText.Display(status)}");

    /// <summary>A console over a writer, which asks neither the process nor the machine for anything.</summary>
    public static IAnsiConsole CreateConsole(TextWriter output, RichCapabilities capabilities) =>
        AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = capabilities.Color ? AnsiSupport.Yes : AnsiSupport.No,
                ColorSystem = capabilities.Color ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
                Interactive = InteractionSupport.No,
                Out = new AnsiConsoleOutput(output),
                Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
            }
        );

    private static Color ColorOf(EventColor color) =>
        color switch
        {
            EventColor.Blue => Color.Blue,
            EventColor.Green => Color.Green,
            EventColor.Yellow => Color.Yellow,
            EventColor.Red => Color.Red,
            EventColor.Cyan => Color.Aqua,
            _ => Color.Default,
        };

    private string Heading(TelemetryEvent telemetryEvent)
    {
        DateTimeOffset local = TimeZoneInfo.ConvertTime(telemetryEvent.Timestamp, _zone);
        string icon = _unicode && telemetryEvent.Descriptor.Icon.Length > 0 ? telemetryEvent.Descriptor.Icon + " " : "";
        string body = telemetryEvent.HasForeignBody ? UntrustedText.Display(telemetryEvent.Body) : telemetryEvent.Body;
        return string.Create(CultureInfo.InvariantCulture, $"{icon}[{local:HH:mm:ss}] {body}");
    }

    private string Branch(bool last) =>
        (_unicode, last) switch
        {
            (true, false) => "├─ ",
            (true, true) => "└─ ",
            (false, false) => "|- ",
            (false, true) => "`- ",
        };

    // What stands below a branch that takes several lines.
    private string Trunk(bool last) =>
        last ? "   "
        : _unicode ? "│  "
        : "|  ";

    private static string Held(SandboxVerified verified)
    {
        int all = verified.Probes.Length;
        return verified.IsLandlockMissing
            ? string.Create(CultureInfo.InvariantCulture, $"{all - 1} of {all} held; this machine has no Landlock")
            : string.Create(CultureInfo.InvariantCulture, $"{all} of {all} held");
    }

    private void Add(string label, string value) => _details.Add($"{label}: {value}");

    /// <summary>Lines that a console shows whole: wrapping them would break trees and what is copied from them.</summary>
    private sealed class Unwrapped(List<Segment> segments) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) => new(0, maxWidth);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => segments;
    }
}
