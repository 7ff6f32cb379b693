using System.Globalization;

namespace IsolatedAgents.Text;

/// <summary>How a host and a port are written together.</summary>
internal static class EndpointText
{
    /// <summary><c>host:port</c>, <c>[::1]:port</c>; the host alone where the port is not known.</summary>
    public static string Of(string host, int port)
    {
        string name = host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host;
        return port > 0 ? string.Create(CultureInfo.InvariantCulture, $"{name}:{port}") : name;
    }
}
