using IsolatedAgents.Egress.Inspection.Requests;
using IsolatedAgents.Policies.Requests;
using Microsoft.AspNetCore.Http;

namespace IsolatedAgents.Egress.Models;

/// <summary>
/// Checks a request where a limit of model tokens holds: it must be one that is counted, or one that the policy lists as uncounted.
/// </summary>
internal static class ModelRequestRules
{
    private const string Key = ModelTokens.Key;

    // Some servers take the method from these, so that a GET could be a question to a model.
    private static readonly string[] OtherMethods = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"];

    /// <exception cref="EgressRefusedException">The limit could not be kept if this request went on.</exception>
    public static void Require(string method, string path, IHeaderDictionary headers, RequestAllowance allowance)
    {
        string shown = $"{method} {RequestAllowance.Short(path)}";
        if (RequestPath.IsAmbiguous(path) || (path.Length > 1 && path.EndsWith('/')) || ModelRoute.IsDisguised(path))
        {
            throw new EgressRefusedException(
                $"The path of '{shown}' is not in its plain form, so that its model tokens could pass uncounted",
                Key
            );
        }

        if (OtherMethods.FirstOrDefault(name => headers.ContainsKey(name)) is { } other)
        {
            throw new EgressRefusedException(
                $"'{shown}' asks for another method in its header {other}, so that its model tokens could pass uncounted",
                Key
            );
        }

        if (ModelRoute.Find(method, path) is null && !allowance.IsUncounted(method, path))
        {
            throw new EgressRefusedException(
                $"'{shown}' is no request whose model tokens are counted; list it in 'uncounted' of its 'network.inspect' entry if it may pass all the same",
                Key
            );
        }

        if (ModelRoute.Find(method, path) is not null && headers.ContentEncoding.Count > 0)
        {
            throw new EgressRefusedException(
                $"The body of '{shown}' is compressed, so that its model tokens cannot be estimated; send it as it is",
                Key
            );
        }
    }
}
