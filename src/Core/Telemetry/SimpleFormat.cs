using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Text;

namespace IsolatedAgents.Telemetry;

/// <summary>
/// One plain line an event, for log files: time, level, name, title, <c>key=value</c>. Values that hold anything but plain characters are
/// JSON strings.
/// </summary>
/// <param name="output">Receives whole lines.</param>
internal sealed class SimpleFormat(TextWriter output) : IEventFormat, IDetailVisitor
{
    private readonly StringBuilder _line = new();

    /// <summary>The event without time and level, for logs that have their own.</summary>
    public static string Body(TelemetryEvent telemetryEvent)
    {
        var format = new SimpleFormat(TextWriter.Null);
        format.AppendBody(telemetryEvent);
        return format._line.ToString();
    }

    public void Write(TelemetryEvent telemetryEvent)
    {
        _line.Clear();
        _line
            .Append(telemetryEvent.Timestamp.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture))
            .Append(' ');
        _line.Append(LevelName(telemetryEvent.Level)).Append(' ');
        AppendBody(telemetryEvent);
        _line.Append('\n');
        foreach (ReadOnlyMemory<char> chunk in _line.GetChunks())
        {
            output.Write(chunk.Span);
        }
    }

    public void Flush() => output.Flush();

    public void Text(DetailName name, string? value)
    {
        if (value is not null)
        {
            Key(name);
            Value(value);
        }
    }

    public void Word(DetailName name, string? value)
    {
        if (value is not null)
        {
            Key(name);
            Value(value.TrimEnd('.').ToLowerInvariant());
        }
    }

    public void Flag(DetailName name, bool value)
    {
        if (value)
        {
            Key(name);
            _line.Append("true");
        }
    }

    public void Number(DetailName name, long? value)
    {
        if (value is long number)
        {
            Key(name);
            _line.Append(CultureInfo.InvariantCulture, $"{number}");
        }
    }

    public void Quantity(DetailName name, double value, string unit)
    {
        Key(name);
        _line.Append(CultureInfo.InvariantCulture, $"{value:0.0##}");
    }

    public void Bytes(DetailName name, long? value) => Number(name, value);

    public void BytesLike(DetailName name, long value, long limit) => Number(name, value);

    public void BytesOf(DetailName name, long used, long limit)
    {
        Number(name, used);
        if (limit > 0)
        {
            _line.Append(CultureInfo.InvariantCulture, $" {name.Key}_limit={limit}");
        }
    }

    public void Memory(DetailName name, long value) => Number(name, value);

    public void MemoryOf(DetailName name, long used, long limit) => BytesOf(name, used, limit);

    public void Traffic(DetailName name, DetailName sentName, DetailName receivedName, long sent, long received)
    {
        Number(sentName, sent);
        Number(receivedName, received);
    }

    public void Duration(DetailName name, TimeSpan value)
    {
        Key(name);
        _line.Append(CultureInfo.InvariantCulture, $"{value.TotalSeconds:0.###}s");
    }

    public void Seconds(DetailName name, TimeSpan value) => Duration(name, value);

    public void Percent(DetailName name, double value)
    {
        Key(name);
        _line.Append(CultureInfo.InvariantCulture, $"{value:0.0}%");
    }

    public void Endpoint(DetailName name, string host, int port) => Text(name, EndpointText.Of(host, port));

    public void Files(DetailName name, long count, DetailName sizeName, long? bytes)
    {
        Number(name, count);
        Number(sizeName, bytes);
    }

    public void List(DetailName name, ImmutableArray<string> values)
    {
        if (!values.IsDefaultOrEmpty)
        {
            Text(name, string.Join(',', values));
        }
    }

    public void Items(DetailName name, ImmutableArray<string> values) => List(name, values);

    public void Items(DetailName name, ImmutableArray<SizedFile> values)
    {
        if (!values.IsDefaultOrEmpty)
        {
            Text(name, string.Join(',', values.Select(file => file.Name)));
        }
    }

    public void Items(DetailName name, ImmutableArray<LabeledValue> values)
    {
        if (!values.IsDefaultOrEmpty)
        {
            Text(name, string.Join(", ", values.Select(value => $"{value.Label}={value.Value}")));
        }
    }

    public void Sentence(DetailName subjectName, string noun, string subject, DetailName statusName, string status)
    {
        Text(subjectName, subject);
        Word(statusName, status);
    }

    private static string LevelName(TelemetryLevel level) =>
        level switch
        {
            TelemetryLevel.Debug => "DEBUG",
            TelemetryLevel.Info => "INFO ",
            TelemetryLevel.Warning => "WARN ",
            _ => "ERROR",
        };

    private void AppendBody(TelemetryEvent telemetryEvent)
    {
        _line.Append(telemetryEvent.Descriptor.Name);

        // An agent's line is among the details, where it is quoted.
        if (telemetryEvent is not AgentOutput)
        {
            _line.Append(' ').Append(telemetryEvent.HasForeignBody ? UntrustedText.Display(telemetryEvent.Body) : telemetryEvent.Body);
        }

        telemetryEvent.Describe(this);
    }

    private void Key(DetailName name) => _line.Append(' ').Append(name.Key).Append('=');

    private void Value(string value)
    {
        int start = _line.Length;
        bool quoted = value.Length == 0;
        _line.Append('"');
        int length = Math.Min(value.Length, UntrustedText.MaxLength);
        for (int i = 0; i < length; i++)
        {
            char character = value[i];
            quoted |= character is ' ' or '=' or '\\' or '"' or '\u00A0' || (character > '\u007F' && char.IsWhiteSpace(character));
            if (character is '\\' or '"')
            {
                _line.Append('\\').Append(character);
            }
            else if (!UntrustedText.IsUnsafe(value, i))
            {
                _line.Append(character);
            }
            else
            {
                quoted = true;
                _line.Append(
                    character switch
                    {
                        '\n' => "\\n",
                        '\r' => "\\r",
                        '\t' => "\\t",
                        _ => "\\u" + ((int)character).ToString("x4", CultureInfo.InvariantCulture),
                    }
                );
            }
        }

        if (length < value.Length)
        {
            quoted = true;
            _line.Append(CultureInfo.InvariantCulture, $" [cut: {value.Length - length} more characters]");
        }

        if (quoted)
        {
            _line.Append('"');
        }
        else
        {
            _line.Remove(start, 1);
        }
    }
}
