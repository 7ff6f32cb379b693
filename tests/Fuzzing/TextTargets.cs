using System.Text;
using System.Text.Json;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Policies.Reading;
using IsolatedAgents.Telemetry;
using IsolatedAgents.Text;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Fuzzing;

/// <summary>Text from users and from agents.</summary>
internal static class TextTargets
{
    private const string Secret = "s3cr3t-7f91c2d8";

    private static readonly SecretMasker Masker = new([Secret]);

    /// <summary>A policy file is taken, or refused once, at a place that is in it.</summary>
    public static void Policy(byte[] input)
    {
        try
        {
            _ = PolicyReader.Read(input, PolicySource.FromFile("policy.json"));
        }
        catch (ConfigurationException refused)
        {
            Diagnostic diagnostic = refused.Diagnostic;
            FuzzTarget.Require(
                diagnostic.Code == DiagnosticTable.Policy && !diagnostic.Message.Contains('\n', StringComparison.Ordinal),
                diagnostic.Message
            );
            FuzzTarget.Require(
                (diagnostic.Line) <= 1 + input.Count(value => value is (byte)'\n' or (byte)'\r'),
                $"Line {diagnostic.Line} is not in the file."
            );
        }
    }

    /// <summary>
    /// What an agent prints becomes events of one valid JSON line each, without the secret, and the same however it is cut into writes.
    /// </summary>
    public static void Events(byte[] input)
    {
        List<string> whole = Lines(input, input.Length);
        List<string> sliced = Lines(input, 7);
        FuzzTarget.Require(whole.SequenceEqual(sliced, StringComparer.Ordinal), "The lines depend on how they were written.");
        using MemoryStream written = new();
        JsonFormat format = new(written);
        foreach (string line in whole)
        {
            FuzzTarget.Require(!line.Contains(Secret, StringComparison.Ordinal), "The secret is there.");
            _ = UntrustedText.Display(line);
            format.Write(new AgentOutput(OutputStream.Standard, line, Cut: false) { SessionId = "s-1" });
        }

        format.Flush();
        string[] lines = Encoding.UTF8.GetString(written.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        FuzzTarget.Require(lines.Length == whole.Count, "An event is not one line.");
        foreach (string line in lines)
        {
            using JsonDocument parsed = JsonDocument.Parse(line);
            FuzzTarget.Require(parsed.RootElement.GetProperty("event.name").GetString() == "agent.output", line);
        }
    }

    private static List<string> Lines(byte[] input, int slice)
    {
        List<string> lines = [];
        LineDecoder decoder = new(Masker, (line, _) => lines.Add(line));
        for (int at = 0; at < input.Length; at += slice)
        {
            decoder.Write(input.AsSpan(at, Math.Min(slice, input.Length - at)));
        }

        decoder.Flush();
        return lines;
    }
}
