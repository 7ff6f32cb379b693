using System.Net;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>The body of an answer, or what a connection has become behind it.</summary>
/// <param name="exchange">Is told when nobody reads on.</param>
/// <param name="body">Read by whoever asks for it, and closed with this.</param>
internal sealed class Http1Content(Http1Exchange exchange, Stream body) : HttpContent
{
    protected override Task<Stream> CreateContentReadStreamAsync() => Task.FromResult(body);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => body.CopyToAsync(stream);

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            exchange.End();
            body.Dispose();
        }

        base.Dispose(disposing);
    }
}
