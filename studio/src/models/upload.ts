import { type Schemas, serviceUrl } from "../api/client";
import { currentKey, refuseKey } from "../api/key";
import { pathOf } from "../api/paths";
import { Problem, problemFrom } from "../api/problem";

/** Uploads a bundle or a safetensors file as a new model; `onProgress` hears the share that is sent,
 * which fetch does not tell. */
export function uploadModel(
  name: string,
  file: File,
  onProgress: (share: number) => void,
): Promise<Schemas["JobView"]> {
  const form = new FormData();
  form.set("name", name);
  form.set("file", file);
  return new Promise((resolve, reject) => {
    const upload = new XMLHttpRequest();
    upload.open("POST", serviceUrl(pathOf("/v1/models", {})));
    const key = currentKey();
    if (key !== null) upload.setRequestHeader("Authorization", `Bearer ${key}`);
    upload.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    upload.onerror = () => reject(new Problem(0, ""));
    upload.onload = () => {
      if (upload.status === 401) refuseKey(key);
      if (upload.status === 202) resolve(JSON.parse(upload.responseText) as Schemas["JobView"]);
      else reject(problemFrom(upload.status, upload.responseText));
    };
    upload.send(form);
  });
}
