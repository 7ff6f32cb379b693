namespace IsolatedAgents.Egress.Inspection.Requests;

/// <summary>The requests of one connection that are under way, and how far each has come.</summary>
internal sealed class OpenExchanges
{
    private int _open;
    private int _unsent;
    private int _sending;

    /// <summary>Whether any request is under way.</summary>
    public bool IsAny => Volatile.Read(ref _open) > 0;

    /// <summary>Whether one still waits for a connection to the server.</summary>
    public bool IsAnyUnsent => Volatile.Read(ref _unsent) > 0;

    /// <summary>Whether the body of one is on its way to the server.</summary>
    public bool IsAnySending => Volatile.Read(ref _sending) > 0;

    /// <summary>A request has come.</summary>
    public Exchange Begin()
    {
        bool isBesideAnother = Interlocked.Increment(ref _open) > 1;
        Interlocked.Increment(ref _unsent);
        return new Exchange(this, isBesideAnother);
    }

    /// <summary>One request, from its head to the end of its answer.</summary>
    internal sealed class Exchange(OpenExchanges all, bool isBesideAnother) : IDisposable
    {
        private int _isSent;
        private int _isSending;

        /// <summary>Whether another was under way on its connection when it came.</summary>
        public bool IsBesideAnother => isBesideAnother;

        /// <summary>Whether its head has gone to the server.</summary>
        public bool IsSent => Volatile.Read(ref _isSent) == 1;

        /// <summary>It has a body that is to go to the server, or bytes of another protocol.</summary>
        public void BeginSending()
        {
            if (Interlocked.Exchange(ref _isSending, 1) == 0)
            {
                Interlocked.Increment(ref all._sending);
            }
        }

        /// <summary>All of it has gone, or no more of it will.</summary>
        public void EndSending()
        {
            if (Interlocked.Exchange(ref _isSending, 0) == 1)
            {
                Interlocked.Decrement(ref all._sending);
            }
        }

        /// <summary>Its head goes to the server, or never will. May be called again.</summary>
        public void SentHead()
        {
            if (Interlocked.Exchange(ref _isSent, 1) == 0)
            {
                Interlocked.Decrement(ref all._unsent);
            }
        }

        public void Dispose()
        {
            SentHead();
            EndSending();
            Interlocked.Decrement(ref all._open);
        }
    }
}
