using IsolatedAgents.Egress.Models;
using IsolatedAgents.Egress.Relaying;

namespace IsolatedAgents.Egress.Inspection.Requests;

/// <summary>Looks at a request body on its way out.</summary>
/// <param name="Guard">Finds placeholders; null where there are none.</param>
/// <param name="Usage">Reads what a model is asked; null where none is.</param>
/// <param name="Tokens">Counts for the run.</param>
/// <param name="Tell">
/// Is told of a refusal at once, since a server may have answered already and nobody waits for the body any more.
/// </param>
internal sealed record RequestChecks(
    IByteGuard? Guard,
    UsageScanner? Usage,
    ModelTokens Tokens,
    Func<EgressRefusedException, ValueTask> Tell
) : IDisposable
{
    private ModelTokens.Reservation? _reservation;

    /// <summary>Whether the end of the body has to wait until there is room for what the answer may use.</summary>
    public bool MustReserve => Usage is not null && Tokens.IsLimited;

    /// <summary>Why the body was broken off; null where it was not.</summary>
    public EgressRefusedException? Refusal { get; private set; }

    /// <summary>Takes the next piece, before it goes out.</summary>
    /// <exception cref="EgressRefusedException">It must not; this has been told.</exception>
    public async ValueTask CheckAsync(ReadOnlyMemory<byte> bytes)
    {
        await LookAsync(bytes).ConfigureAwait(false);
        Usage?.Sent(bytes.Span);
    }

    /// <summary>Looks for placeholders in what is no part of the question.</summary>
    /// <exception cref="EgressRefusedException">There is one; this has been told.</exception>
    public async ValueTask LookAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            Guard?.Check(bytes.Span);
        }
        catch (EgressRefusedException refusal)
        {
            await RefuseAsync(refusal).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Waits for room, once the whole body was looked at and before its end goes out.</summary>
    /// <exception cref="EgressRefusedException">There is none any more.</exception>
    public async ValueTask ReserveAsync(CancellationToken cancellationToken)
    {
        if (Usage is null || _reservation is not null)
        {
            return;
        }

        try
        {
            _reservation = await Tokens.ReserveAsync(Usage.Estimate, cancellationToken).ConfigureAwait(false);
        }
        catch (EgressRefusedException refusal)
        {
            await RefuseAsync(refusal).ConfigureAwait(false);
            throw;
        }

        Usage.SentAll();
    }

    /// <summary>Gives back what was reserved: the request is settled.</summary>
    public void Dispose() => _reservation?.Dispose();

    private async ValueTask RefuseAsync(EgressRefusedException refusal)
    {
        Refusal = refusal;
        if (!refusal.IsTold)
        {
            refusal.IsTold = true;
            await Tell(refusal).ConfigureAwait(false);
        }
    }
}
