using System.Net;
using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Reporting;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// Knows which names exist for the agent: those of allowed endpoints, and its own machine's. Every other one is told, and is no name.
/// </summary>
internal sealed class NameAuthority(EndpointMatcher endpoints, NameTable names, ActivityReport report, string[] searchDomains)
{
    private const string LocalName = "localhost";

    // What the engine calls the sandbox: a program that asks for itself.
    private const string OwnName = "sandbox";

    // A resolver asks for addresses of both families at once: that is one lookup.
    private const long PairMilliseconds = 1000;

    private string _lastDenied = "";
    private bool _wasIPv6;
    private long _deniedAt;

    /// <summary>Answers a question.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="isTcp">How it came.</param>
    /// <param name="port">The port that it came from, by which its process is found.</param>
    public NameAnswer Answer(NameQuestion question, bool isTcp, int port)
    {
        if (question.Name.IsEmpty)
        {
            return new NameAnswer(NameState.Known);
        }

        Span<char> buffer = stackalloc char[HostText.MaxLength];
        if (question.IsAmbiguous || !HostText.TryNormalizeName(question.Name, buffer, out int length))
        {
            return DenyName(question, Encoding.Latin1.GetString(question.Name), isTcp, port);
        }

        ReadOnlySpan<char> name = buffer[..length];
        if (endpoints.IsNameKnown(name))
        {
            return AnswerKnown(question, name.ToString(), isTcp, port);
        }

        if (name is LocalName or OwnName || name.EndsWith($".{LocalName}"))
        {
            return new NameAnswer(
                NameState.Known,
                question.WantsIPv4 ? IPAddress.Loopback
                    : question.WantsIPv6 ? IPAddress.IPv6Loopback
                    : null
            );
        }

        // What a resolver appends by itself is nobody's wish, and to ask for an address's name reaches nothing.
        return IsBelow(name, "in-addr.arpa") || IsBelow(name, "ip6.arpa") || IsBelowSearchDomain(name)
            ? new NameAnswer(NameState.Unknown)
            : DenyName(question, name.ToString(), isTcp, port);
    }

    // An IPv4 address alone: one is enough, and clients ask for both.
    private NameAnswer AnswerKnown(NameQuestion question, string name, bool isTcp, int port) =>
        !question.WantsIPv4 ? new NameAnswer(NameState.Known)
        : names.AddressOf(name) is { } address ? new NameAnswer(NameState.Known, address)
        : Deny(DenialReason.TooManyNames, name, isTcp, port) with { State = NameState.Failed };

    private NameAnswer DenyName(NameQuestion question, string name, bool isTcp, int port)
    {
        long now = Environment.TickCount64;
        bool isOtherHalf = name == _lastDenied && question.WantsIPv6 != _wasIPv6 && now - _deniedAt < PairMilliseconds;
        (_lastDenied, _wasIPv6, _deniedAt) = (isOtherHalf ? "" : name, question.WantsIPv6, now);
        return isOtherHalf ? new NameAnswer(NameState.Unknown) : Deny(DenialReason.NotAllowedName, name, isTcp, port);
    }

    private NameAnswer Deny(DenialReason reason, string name, bool isTcp, int port)
    {
        report.Add(
            new ActivityNote
            {
                Kind = ActivityKind.ConnectionDenied,
                Reason = reason,
                ProcessId = SocketOwner.Find(isTcp, port),
                Subject = Encoding.Latin1.GetBytes(name),
            }
        );
        return new NameAnswer(NameState.Unknown);
    }

    private bool IsBelowSearchDomain(ReadOnlySpan<char> name)
    {
        foreach (string domain in searchDomains)
        {
            if (IsBelow(name, domain))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsBelow(ReadOnlySpan<char> name, string domain) =>
        name.EndsWith(domain, StringComparison.Ordinal) && (name.Length == domain.Length || name[^(domain.Length + 1)] == '.');
}
