using System.Net;

namespace IsolatedAgents.HttpClientAgent;

/// <summary>
/// An agent in .NET: asks for each address in HTTP/1.1 and in HTTP/2, or opens a WebSocket to it, and prints what it got.
/// </summary>
internal static class Program
{
    private static async Task<int> Main(string[] addresses)
    {
        using HttpClient client = new();
        foreach (string address in addresses)
        {
            if (address.StartsWith("wss:", StringComparison.Ordinal))
            {
                await WebSocketConversation.RunAsync(new Uri(address));
                continue;
            }

            foreach (Version version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
            {
                using HttpRequestMessage request = new(HttpMethod.Get, address)
                {
                    Version = version,
                    VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                };
                try
                {
                    using HttpResponseMessage answer = await client.SendAsync(request);
                    Console.WriteLine($"dotnet {(int)answer.StatusCode} {(await answer.Content.ReadAsStringAsync()).Trim()}");
                }
                catch (HttpRequestException failure)
                {
                    Console.WriteLine($"dotnet {failure.HttpRequestError}");
                }
            }
        }

        return 0;
    }
}
