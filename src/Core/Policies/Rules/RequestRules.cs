using System.Buffers;

namespace IsolatedAgents.Policies.Rules;

/// <summary>Checks entries of <c>network.inspect</c> and <c>network.credentials</c>.</summary>
internal static class RequestRules
{
    private static readonly SearchValues<char> Token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    );

    /// <summary>Headers that steer the connection, and not the request.</summary>
    private static readonly string[] Steering =
    [
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "expect",
        "http2-settings",
    ];

    /// <summary>Accepts an endpoint other than a range; without a port it is 443, since only TLS can be opened.</summary>
    public static Checked<string> CheckInspected(string endpoint)
    {
        Checked<string> result = EndpointRules.Check(endpoint);
        if (result.Value is not { } normal)
        {
            return result;
        }

        if (normal.Contains('/', StringComparison.Ordinal))
        {
            return Checked<string>.Refused("a range cannot be inspected; name the hosts");
        }

        return normal.LastIndexOf(':') > normal.LastIndexOf(']') ? normal : $"{normal}:443";
    }

    /// <summary>Accepts an endpoint that is one host.</summary>
    public static Checked<string> CheckOneHost(string endpoint)
    {
        Checked<string> result = CheckInspected(endpoint);
        return result.Value?.StartsWith('*') == true ? Checked<string>.Refused("a credential goes to one host; name it") : result;
    }

    /// <summary>Accepts a method and a path, <c>*</c> for any: <c>POST /v1/chat/*</c>.</summary>
    public static Checked<string> CheckRequest(string rule)
    {
        const string Expected = "write a method and a path, such as 'POST /v1/chat/completions' or 'GET /v1/models*'";
        int blank = rule.IndexOf(' ', StringComparison.Ordinal);
        if (blank <= 0 || blank + 1 >= rule.Length || rule[blank + 1] != '/' || rule.AsSpan(blank + 1).ContainsAnyExceptInRange('!', '~'))
        {
            return Checked<string>.Refused(Expected);
        }

        string method = rule[..blank];
        if (method != "*" && (!method.All(character => char.IsAsciiLetterUpper(character) || character == '-')))
        {
            return Checked<string>.Refused($"a method is written in capitals, or '*' for any; {Expected}");
        }

        return rule.AsSpan(blank).IndexOfAny('?', '#') >= 0
            ? Checked<string>.Refused($"a path is judged without its query; {Expected}")
            : rule;
    }

    /// <summary>Accepts the name of a header that a request may carry.</summary>
    public static Checked<string> CheckHeader(string name)
    {
        if (name.Length is 0 or > 64 || name.AsSpan().ContainsAnyExcept(Token))
        {
            return Checked<string>.Refused("it is no name of a header; write it such as 'Authorization' or 'x-api-key'");
        }

        return Steering.Contains(name, StringComparer.OrdinalIgnoreCase)
            ? Checked<string>.Refused("this header steers the connection; name the one that carries the credential")
            : name;
    }

    /// <summary>Accepts text around one <c>{}</c>.</summary>
    public static Checked<string> CheckFormat(string format) =>
        format.Split("{}").Length == 2 && !format.AsSpan().ContainsAnyExceptInRange(' ', '~') && format.Trim() == format
            ? format
            : Checked<string>.Refused("it is printable text with '{}' once, where the credential goes, such as 'Bearer {}'");
}
