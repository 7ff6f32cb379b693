using System.Collections.Immutable;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Telemetry;

/// <summary>
/// One flat JSON object a line: UTF-8, LF, base units, OpenTelemetry names. Written by hand into one buffer, without an allocation per
/// event. Lossless, and yet inert on a console: what a build host would take for a command is written as an escape.
/// </summary>
/// <param name="output">Receives whole lines.</param>
internal sealed class JsonFormat(Stream output) : IEventFormat, IDetailVisitor
{
    /// <summary>Names the version of the format, in the first line of each output.</summary>
    public const string SchemaUrl = "https://github.com/isolated-agents/isolated-agents/schemas/events/v1";

    private readonly JsonLineBuffer _line = new();
    private bool _began;

    public void Write(TelemetryEvent telemetryEvent) => output.Write(Render(telemetryEvent));

    /// <summary>One event as a whole line, its end included. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Render(TelemetryEvent telemetryEvent)
    {
        _line.Begin();
        _line.Timestamp(telemetryEvent.Timestamp);
        _line.Append(Severity(telemetryEvent.Level));
        _line.Append(telemetryEvent.Descriptor.JsonMembers);
        _line.Number(telemetryEvent.Sequence);
        _line.Append(",\"session.id\":"u8);
        _line.String(telemetryEvent.SessionId);
        _line.Append(",\"body\":"u8);
        if (telemetryEvent.HasForeignBody)
        {
            _line.String(telemetryEvent.Body);
        }
        else
        {
            _line.OwnString(telemetryEvent.Body);
        }

        if (!_began)
        {
            _began = true;
            _line.Append(",\"schema_url\":"u8);
            _line.OwnString(SchemaUrl);
        }

        telemetryEvent.Describe(this);
        _line.End();
        return _line.Written;
    }

    public void Flush() => output.Flush();

    public void Text(DetailName name, string? value)
    {
        // An agent's line is the body already.
        if (value is not null && name != DetailNames.Line)
        {
            _line.Append(name.JsonMember);
            _line.String(value);
        }
    }

    public void Word(DetailName name, string? value)
    {
        if (value is not null)
        {
            _line.Append(name.JsonMember);
            _line.Word(value);
        }
    }

    public void Flag(DetailName name, bool value)
    {
        if (value)
        {
            _line.Append(name.JsonMember);
            _line.True();
        }
    }

    public void Number(DetailName name, long? value)
    {
        if (value is long number)
        {
            _line.Append(name.JsonMember);
            _line.Number(number);
        }
    }

    public void Quantity(DetailName name, double value, string unit) => Percent(name, value);

    public void Bytes(DetailName name, long? value) => Number(name, value);

    public void BytesLike(DetailName name, long value, long limit) => Number(name, value);

    public void BytesOf(DetailName name, long used, long limit)
    {
        Number(name, used);
        if (limit > 0)
        {
            _line.LimitName(name);
            _line.Number(limit);
        }
    }

    public void Memory(DetailName name, long value) => Number(name, value);

    public void MemoryOf(DetailName name, long used, long limit) => BytesOf(name, used, limit);

    public void Traffic(DetailName name, DetailName sentName, DetailName receivedName, long sent, long received)
    {
        Number(sentName, sent);
        Number(receivedName, received);
    }

    public void Duration(DetailName name, TimeSpan value) => Percent(name, value.TotalSeconds);

    public void Seconds(DetailName name, TimeSpan value) => Percent(name, value.TotalSeconds);

    public void Percent(DetailName name, double value)
    {
        _line.Append(name.JsonMember);
        _line.Number(value);
    }

    public void Endpoint(DetailName name, string host, int port)
    {
        Text(name, host);
        Number(DetailNames.DestinationPort, port > 0 ? port : null);
    }

    public void Files(DetailName name, long count, DetailName sizeName, long? bytes)
    {
        Number(name, count);
        Number(sizeName, bytes);
    }

    public void List(DetailName name, ImmutableArray<string> values)
    {
        if (values.IsDefaultOrEmpty)
        {
            return;
        }

        _line.Append(name.JsonMember);
        _line.BeginArray();
        foreach (string value in values)
        {
            _line.Element(value);
        }

        _line.EndArray();
    }

    public void Items(DetailName name, ImmutableArray<string> values) => List(name, values);

    public void Items(DetailName name, ImmutableArray<SizedFile> values)
    {
        if (values.IsDefaultOrEmpty)
        {
            return;
        }

        _line.Append(name.JsonMember);
        _line.BeginArray();
        foreach (SizedFile value in values)
        {
            _line.Element(value.Name);
        }

        _line.EndArray();
    }

    public void Items(DetailName name, ImmutableArray<LabeledValue> values)
    {
        if (values.IsDefaultOrEmpty)
        {
            return;
        }

        _line.Append(name.JsonMember);
        _line.BeginArray();
        foreach (LabeledValue value in values)
        {
            _line.Element(value.Label, value.Value);
        }

        _line.EndArray();
    }

    public void Sentence(DetailName subjectName, string noun, string subject, DetailName statusName, string status)
    {
        Text(subjectName, subject);
        Word(statusName, status);
    }

    private static ReadOnlySpan<byte> Severity(TelemetryLevel level) =>
        level switch
        {
            TelemetryLevel.Debug => ",\"severity_text\":\"DEBUG\",\"severity_number\":5"u8,
            TelemetryLevel.Info => ",\"severity_text\":\"INFO\",\"severity_number\":9"u8,
            TelemetryLevel.Warning => ",\"severity_text\":\"WARN\",\"severity_number\":13"u8,
            _ => ",\"severity_text\":\"ERROR\",\"severity_number\":17"u8,
        };
}
