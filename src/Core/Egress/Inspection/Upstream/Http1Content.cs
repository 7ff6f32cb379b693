using System.Net;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>The body of an answer, or what a connection has become behind it.</summary>
/// <param name="body">Read by whoever asks for it, and closed with this.</param>
/// <param name="end">Is called when nobody reads on.</param>
internal sealed class Http1Content(Stream body, Action end) : HttpContent
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
            end();
            body.Dispose();
        }

        base.Dispose(disposing);
    }
}
