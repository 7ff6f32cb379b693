using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Anthropic;
using Anthropic.Models.Messages;
using OllamaSharp;
using OllamaSharp.Models.Chat;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;

namespace IsolatedAgents.ModelClientAgent;

/// <summary>
/// Asks a model once, by the client library of one provider: <c>PROVIDER whole|stream ADDRESS PORT CERTIFICATE</c>.
/// Connections go to PORT of this machine, whatever the address says.
/// </summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is not [string provider, string mode, string address, string port, string certificate])
        {
            return 2;
        }

        using HttpClient http = Client(int.Parse(port, null), certificate);
        bool isStream = mode == "stream";
        Console.WriteLine(
            provider switch
            {
                "openai-chat" => await ChatAsync(new OpenAIClient(Key, Options(http, $"{address}/v1")).GetChatClient("m"), isStream),
                "openai-embeddings" => await EmbedAsync(new OpenAIClient(Key, Options(http, $"{address}/v1")).GetEmbeddingClient("m")),
                "anthropic" => await AnthropicAsync(http, address, isStream),
                "ollama" => await OllamaAsync(http, address, isStream),
                _ => throw new ArgumentException(provider),
            }
        );
        return 0;
    }

    private static ApiKeyCredential Key => new("k");

    private static HttpClient Client(int port, string certificate)
    {
        SocketsHttpHandler handler = new()
        {
            UseProxy = false,
            ConnectCallback = async (_, cancellationToken) =>
            {
                Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        X509ChainPolicy trust = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.ImportFromPemFile(certificate);
        handler.SslOptions.CertificateChainPolicy = trust;
        return new HttpClient(handler);
    }

    private static OpenAIClientOptions Options(HttpClient http, string endpoint) =>
        new() { Endpoint = new Uri(endpoint), Transport = new HttpClientPipelineTransport(http) };

    private static async Task<string> EmbedAsync(EmbeddingClient client) =>
        (await client.GenerateEmbeddingAsync("x")).Value.ToFloats().Length == 1 ? "Hello" : "";

    private static async Task<string> ChatAsync(ChatClient client, bool isStream)
    {
        if (!isStream)
        {
            return (await client.CompleteChatAsync("x")).Value.Content[0].Text;
        }

        string text = "";
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync("x"))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
        }

        return text;
    }

    private static async Task<string> AnthropicAsync(HttpClient http, string address, bool isStream)
    {
        AnthropicClient client = new()
        {
            ApiKey = "k",
            BaseUrl = address,
            HttpClient = http,
            MaxRetries = 0,
        };
        MessageCreateParams question = new()
        {
            Model = "m",
            MaxTokens = 100,
            Messages = [new UserMessageParam("x")],
        };
        if (!isStream)
        {
            return (await client.Messages.Create(question)).Content[0].TryPickText(out TextBlock? block) ? block.Text : "";
        }

        string text = "";
        await foreach (RawMessageStreamEvent one in client.Messages.CreateStreaming(question))
        {
            text +=
                one.TryPickContentBlockDelta(out RawContentBlockDeltaEvent? delta) && delta.Delta.TryPickText(out TextDelta? piece)
                    ? piece.Text
                    : "";
        }

        return text;
    }

    private static async Task<string> OllamaAsync(HttpClient http, string address, bool isStream)
    {
        http.BaseAddress = new Uri(address);
        using OllamaApiClient client = new(http, "m");
        string text = "";
        ChatRequest question = new()
        {
            Model = "m",
            Stream = isStream,
            Messages = [new OllamaSharp.Models.Chat.Message(ChatRole.User, "x")],
        };
        await foreach (ChatResponseStream? answer in client.ChatAsync(question))
        {
            text += answer?.Message.Content;
        }

        return text;
    }
}
