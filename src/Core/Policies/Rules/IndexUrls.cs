namespace IsolatedAgents.Policies.Rules;

/// <summary>Addresses of package indexes.</summary>
internal static class IndexUrls
{
    /// <summary>Accepts <c>https</c> anywhere and <c>http</c> on this machine, without credentials.</summary>
    public static Checked<string> Check(string url)
    {
        if (CharacterRules.Problem(url, allowBlanks: false) is { } problem)
        {
            return Checked<string>.Refused(problem);
        }

        if (
            !Uri.TryCreate(url, UriKind.Absolute, out Uri? uri)
            || uri.Host.Length == 0
            || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp)
        )
        {
            return Checked<string>.Refused("an index is an absolute address; write it such as 'https://index.example/simple'");
        }

        if (uri.Scheme == Uri.UriSchemeHttp && !uri.IsLoopback)
        {
            return Checked<string>.Refused("'http' lets anyone on the way replace a package; use 'https'");
        }

        if (uri.UserInfo.Length > 0 || uri.Fragment.Length > 0)
        {
            return Checked<string>.Refused("it holds credentials or a fragment, which would end up in logs; leave them out");
        }

        return uri.AbsoluteUri;
    }
}
