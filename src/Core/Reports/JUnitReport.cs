using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Xml;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Reports;

/// <summary>The verdict as JUnit XML: one test for each thing that a run is held to.</summary>
internal static class JUnitReport
{
    private const int MaxLines = 200;

    private static readonly ImmutableArray<(string Name, string Codes, bool IsTrouble)> Tests =
    [
        ("the sandbox could be set up and kept", "IA1 IA2 IA5 IA7", true),
        ("the agent kept to the policy", "IA3", false),
        ("the agent kept to its limits", "IA4", false),
        ("the agent ended well", "IA6", false),
    ];

    /// <summary>Writes it as UTF-8.</summary>
    public static void Write(RunReport report, Stream output)
    {
        ImmutableArray<(string Name, bool IsTrouble, ImmutableArray<Finding> Errors)> tests =
        [
            .. Tests.Select(test =>
                (
                    test.Name,
                    test.IsTrouble,
                    report
                        .Findings.Where(finding =>
                            finding.Level == FindingLevel.Error
                            && test.Codes.Split(' ').Any(code => finding.Code.StartsWith(code, StringComparison.Ordinal))
                        )
                        .ToImmutableArray()
                )
            ),
        ];
        using XmlWriter xml = XmlWriter.Create(
            output,
            new XmlWriterSettings
            {
                Indent = true,
                NewLineChars = "\n",
                Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            }
        );
        string agent = UntrustedText.Display(report.Agent);
        xml.WriteStartElement("testsuites");
        xml.WriteStartElement("testsuite");
        xml.WriteAttributeString("name", $"isolated-agents: {agent}");
        WriteNumber(xml, "tests", tests.Length);
        WriteNumber(xml, "failures", tests.Count(test => !test.IsTrouble && test.Errors.Length > 0));
        WriteNumber(xml, "errors", tests.Count(test => test.IsTrouble && test.Errors.Length > 0));
        WriteNumber(xml, "skipped", 0);
        xml.WriteAttributeString("time", report.Result.Duration.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture));
        xml.WriteAttributeString("timestamp", report.Started.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture));
        WriteProperties(xml, report);
        foreach ((string name, bool isTrouble, ImmutableArray<Finding> errors) in tests)
        {
            xml.WriteStartElement("testcase");
            xml.WriteAttributeString("classname", agent);
            xml.WriteAttributeString("name", name);
            xml.WriteAttributeString(
                "time",
                isTrouble ? report.Result.Duration.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture) : "0"
            );
            if (errors.Length > 0)
            {
                xml.WriteStartElement(isTrouble ? "error" : "failure");
                xml.WriteAttributeString("type", errors[0].Code);
                xml.WriteAttributeString("message", UntrustedText.Display(errors[0].Message));
                xml.WriteString(Lines(errors));
                xml.WriteEndElement();
            }

            xml.WriteEndElement();
        }

        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static void WriteProperties(XmlWriter xml, RunReport report)
    {
        xml.WriteStartElement("properties");
        foreach (
            (string name, string? value) in new (string, string?)[]
            {
                ("verdict", report.Result.Verdict.Name()),
                ("session", report.Result.SessionId),
                ("image", report.ImageDigest ?? report.Image),
                ("policy.sha256", report.PolicySha256),
                ("agent.sha256", report.AgentSha256),
            }
        )
        {
            xml.WriteStartElement("property");
            xml.WriteAttributeString("name", name);
            xml.WriteAttributeString("value", UntrustedText.Display(value ?? ""));
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    private static string Lines(ImmutableArray<Finding> errors)
    {
        IEnumerable<string> lines = errors.Take(MaxLines).Select(error => $"{error.Code}: {UntrustedText.Display(error.Message)}");
        return string.Join(
            '\n',
            errors.Length > MaxLines ? lines.Append(string.Create(CultureInfo.InvariantCulture, $"{errors.Length - MaxLines} more")) : lines
        );
    }

    private static void WriteNumber(XmlWriter xml, string name, int value) =>
        xml.WriteAttributeString(name, value.ToString(CultureInfo.InvariantCulture));
}
